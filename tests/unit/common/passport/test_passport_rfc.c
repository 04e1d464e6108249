/* SPDX-License-Identifier: MIT */
/* The examples that the RFCs print. */
#include "tests/unit/passport_fixture.h"

/* RFC 8225 section 7.1 and appendix A, RFC 8816 section 9. */
#define RFC8225_HEADER                                                                                                 \
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9"
#define RFC8225_7_1                                                                                                    \
    RFC8225_HEADER                                                                                                     \
    ".eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTE" \
    "yMTIifX0.rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w"
#define RFC8225_A                                                                                                      \
    RFC8225_HEADER                                                                                                     \
    ".eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjE" \
    "yIn19.VLBCIVDCaeK6M4hLJb6SHQvacAQVvoiiEOWQ_iUkqk79UD81fHQ0E1b3_GluIkba7UWYRM47ZbNFdOJquE35cw"
#define RFC8816_9                                                                                                      \
    RFC8225_HEADER                                                                                                     \
    ".eyJkZXN0Ijp7InRuIjpbIjIyMjI1NTUyMjIyIl19LCJpYXQiOiIxNTgzMjUxODEwIiwib3JpZyI6eyJ0biI6IjExMTE1NTUxMTExIn19.pnij4"  \
    "IlLHoR4vxID0u3CT1e9Hq4xLngZUTv45Vbxmd3IVyZug4KOSa378yfP4x6twY0KTdiDypsereS438ZHaQ"
static const char rfc8225_private[] = "-----BEGIN PRIVATE KEY-----\n"
                                      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgi7q2TZvN9VDFg8Vy\n"
                                      "qCP06bETrR2v8MRvr89rn4i+UAahRANCAAQWfaj1HUETpoNCrOtp9KA8o0V79IuW\n"
                                      "ARKt9C1cFPkyd3FBP4SeiNZxQhDrD0tdBHls3/wFe8++K2FrPyQF9vuh\n"
                                      "-----END PRIVATE KEY-----\n";
static const char rfc8225_public[] = "-----BEGIN PUBLIC KEY-----\n"
                                     "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH\n"
                                     "78YTU8qLS8I5HLHSSmlATLcslQMhNC/OhlWBYC626nIlo7XeebYS7Sb37g==\n"
                                     "-----END PUBLIC KEY-----\n";

/* RFC 8946 sections 3.1, 5 and appendix A: a "div" PASSporT, the one inside "opt", and a "div-o". */
#define RFC8946_DIV                                                                                                    \
    "eyJhbGciOiJFUzI1NiIsInBwdCI6ImRpdiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly93d3cuZXhhbXBsZS5jb20vY2VydC5jZXIi" \
    "fQ.eyJkZXN0Ijp7InRuIjpbIjEyMTU1NTUxMjE0Il19LCJkaXYiOnsidG4iOiIxMjE1NTU1NTEyMTMifSwiaWF0IjoxNDQzMjA4MzQ1LCJvcmlnI" \
    "jp7InRuIjoiMTIxNTU1NTEyMTIifX0.xBHWipDEEJ8a6TsdX6xUXAnblsFiGUiAxwLiv0HLC9IICj6eG9jQd6WzeSSjHRBwxmChHhVIiMTSqIlk3" \
    "yCNkg"
#define RFC8946_ORIGINAL                                                                                               \
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly93d3cuZXhhbXBsZS5jb20vY2VydC5jZXIifQ.eyJkZXN0Ijp7I" \
    "nRuIjpbIjEyMTU1NTUxMjEzIl19LCJpYXQiOjE0NDMyMDgzNDUsIm9yaWciOnsidG4iOiIxMjE1NTU1MTIxMiJ9fQ.1bEzkzcNbKvgz4QoMx0_DJ" \
    "2T8qFMDC1sPqHPXl1WvbauzRJRvYlZqQ0qgGTlS8tJ_wXjVe07Z3wvDrdApHhhYw"
#define RFC8946_DIV_O                                                                                                  \
    "eyJhbGciOiJFUzI1NiIsInBwdCI6ImRpdi1vIiwidHlwIjoicGFzc3BvcnQiLCJ4NXUiOiJodHRwczovL3d3dy5leGFtcGxlLmNvbS9jZXJ0LmNl" \
    "ciJ9.eyJkZXN0Ijp7InRuIjoiMTIxNTU1NTEyMTQifSwiZGl2Ijp7InRuIjoiMTIxNTU1NTUxMjEzIn0sImlhdCI6MTQ0MzIwODM0NSwib3B0Ijo" \
    "iZXlKaGJHY2lPaUpGVXpJMU5pSXNJblI1Y0NJNkluQmhjM053YjNKMElpd2llRFYxSWpvaWFIUjBjSE02THk5M2QzY3VaWGhoYlhCc1pTNWpiMjB" \
    "2WTJWeWRDNWpaWElpZlEuZXlKa1pYTjBJanA3SW5SdUlqcGJJakV5TVRVMU5UVXhNakV6SWwxOUxDSnBZWFFpT2pFME5ETXlNRGd6TkRVc0ltOXl" \
    "hV2NpT25zaWRHNGlPaUl4TWpFMU5UVTFNVEl4TWlKOWZRLjFiRXpremNOYkt2Z3o0UW9NeDBfREoyVDhxRk1EQzFzUHFIUFhsMVd2YmF1elJKUnZ" \
    "ZbFpxUTBxZ0dUbFM4dEpfd1hqVmUwN1ozd3ZEcmRBcEhoaFl3Iiwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEyIn19.CHeA9wRnthl7paMe6rP0TA" \
    "RpmFCXjmi_vF_HRz2O_oulB_R-G9xZNiLVvmvHv4gk6LILaDV2y2VtHTLIEgmHig"
static const char rfc8946_public[] = "-----BEGIN PUBLIC KEY-----\n"
                                     "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmzGM1VsO+3IqbMF54rQMaYKQftO4\n"
                                     "hUYm9wv5wutLgEd9FsiTy3+4+Wa2O7pffOXPC0QzO+yD8hGEXGP/2mZo6w==\n"
                                     "-----END PUBLIC KEY-----\n";

/*
 * Appendix A's token is read, but its printed signature was made by neither of the two keys printed below it (which do
 * not belong together either; other implementations agree). The public key of A.2 is that of section 7.1's token: there
 * iat is a string, which JSON Web Tokens do not allow (RFC 7519 section 4.1.6: "MUST be a number"), so that as a
 * PASSporT it is malformed though its signature is good. The same slip is in RFC 8816 section 9.
 */
static void test_rfc8225(void)
{
    struct stir_error err = {0};
    struct stir_passport *passport = NULL;
    EVP_PKEY *a1 = read_pem(rfc8225_private, true);
    EVP_PKEY *a2 = read_pem(rfc8225_public, false);
    UNIT_OK(stir_passport_parse(&passport, RFC8225_A, strlen(RFC8225_A), 0, &err));
    UNIT_NEED(passport);
    CU_ASSERT(passport->ppt == STIR_PPT_NONE && !passport->ppt_name && !passport->msgi);
    CU_ASSERT_EQUAL(passport->iat, 1471375418);
    UNIT_STR(passport->x5u, "https://cert.example.org/passport.cer", "x5u");
    UNIT_STR(passport->orig.text, "12155551212", "orig");
    CU_ASSERT_EQUAL(passport->orig.kind, STIR_IDENTITY_TN);
    CU_ASSERT_EQUAL(passport->dest_count, 1);
    UNIT_STR(passport->dest[0].text, "sip:alice@example.com", "dest");
    UNIT_STR(passport->token, RFC8225_A, "its own copy");
    CU_ASSERT(stir_passport_supported(passport));
    UNIT_CODE(stir_jws_verify(&passport->jws, a1, NULL), STIR_E_SIGNATURE, "A.1's key");
    UNIT_CODE(stir_jws_verify(&passport->jws, a2, NULL), STIR_E_SIGNATURE, "A.2's key");
    stir_passport_free(passport);

    struct stir_jws jws;
    UNIT_OK(stir_jws_parse(&jws, RFC8225_7_1, strlen(RFC8225_7_1), &err));
    UNIT_OK(stir_jws_verify(&jws, a2, &err));
    stir_jws_clear(&jws);
    passport = NULL;
    UNIT_CODE(stir_passport_parse(&passport, RFC8225_7_1, strlen(RFC8225_7_1), 0, &err), STIR_E_PASSPORT, "7.1");
    UNIT_STR(err.text, "iat is not an integer", "7.1");
    UNIT_CODE(stir_passport_parse(&passport, RFC8816_9, strlen(RFC8816_9), 0, &err), STIR_E_PASSPORT, "RFC 8816");
    UNIT_STR(err.text, "iat is not an integer", "RFC 8816");
    CU_ASSERT_PTR_NULL(passport);
    EVP_PKEY_free(a1);
    EVP_PKEY_free(a2);
}

/* Real signatures of both kinds; the div-o's dest is a string where RFC 8225 section 5.2.1 wants an array. */
static void test_rfc8946(void)
{
    struct stir_error err = {0};
    struct stir_passport *passport = NULL;
    EVP_PKEY *key = read_pem(rfc8946_public, false);
    UNIT_OK(stir_passport_parse(&passport, RFC8946_DIV, strlen(RFC8946_DIV), 0, &err));
    UNIT_NEED(passport);
    CU_ASSERT_EQUAL(passport->ppt, STIR_PPT_DIV);
    UNIT_STR(passport->dest[0].text, "12155551214", "dest");
    UNIT_OK(stir_jws_verify(&passport->jws, key, &err));
    UNIT_CODE(stir_jws_verify(&passport->jws, signing_key, NULL), STIR_E_SIGNATURE, "another key");
    stir_passport_free(passport);

    passport = NULL;
    UNIT_OK(stir_passport_parse(&passport, RFC8946_ORIGINAL, strlen(RFC8946_ORIGINAL), 0, &err));
    UNIT_NEED(passport);
    CU_ASSERT_EQUAL(passport->ppt, STIR_PPT_NONE);
    UNIT_OK(stir_jws_verify(&passport->jws, key, &err));
    stir_passport_free(passport);

    struct stir_jws jws;
    UNIT_OK(stir_jws_parse(&jws, RFC8946_DIV_O, strlen(RFC8946_DIV_O), &err));
    UNIT_OK(stir_jws_verify(&jws, key, &err));
    stir_jws_clear(&jws);
    UNIT_CODE(stir_passport_parse(&passport, RFC8946_DIV_O, strlen(RFC8946_DIV_O), 0, &err), STIR_E_PASSPORT, "div-o");
    UNIT_STR(err.text, "dest does not hold arrays of tn or uri", "div-o");
    EVP_PKEY_free(key);
}

UNIT_MAIN("passport_rfc", {"a key", make_key},
          {"RFC 8225 section 7.1 and appendix A, RFC 8816 section 9", test_rfc8225}, {"RFC 8946", test_rfc8946},
          {"no key", free_key})
