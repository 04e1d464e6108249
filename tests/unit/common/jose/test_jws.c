/* SPDX-License-Identifier: MIT */
#include "common/jose/jws.h"
#include "tests/unit/jose.h"

#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

/* RFC 7515 appendix A.3 */
#define A3_KEY                                                                                                         \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                         \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}"
#define A3_HEADER "eyJhbGciOiJFUzI1NiJ9"
#define A3_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define A3_SIGNATURE "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define A3_TOKEN A3_HEADER "." A3_PAYLOAD "." A3_SIGNATURE

#define GROUP_ORDER "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE "0000000000000000000000000000000000000000000000000000000000000001"

static enum stir_code parse_and_verify(const char *token, size_t n, EVP_PKEY *key)
{
    struct stir_jws jws;
    char *exact = malloc(n ? n : 1); /* so that a sanitizer sees a read past the end */
    if (n) {
        memcpy(exact, token, n);
    }
    enum stir_code code = stir_jws_parse(&jws, exact, n, NULL);
    if (code == STIR_OK) {
        code = stir_jws_verify(&jws, key, NULL);
        stir_jws_clear(&jws);
    }
    free(exact);
    return code;
}

static void test_rfc7515_a3(void)
{
    struct stir_jws jws;
    EVP_PKEY *key = jose_key(A3_KEY);
    if (!UNIT_OK(stir_jws_parse(&jws, A3_TOKEN, strlen(A3_TOKEN), NULL))) {
        EVP_PKEY_free(key);
        return;
    }
    UNIT_OK(stir_jws_verify(&jws, key, NULL));
    UNIT_STR(json_string_value(json_object_get(jws.payload, "iss")), "joe", "iss");
    UNIT_CHECK(jws.signing_input.len == strlen(A3_HEADER "." A3_PAYLOAD), "signing input");
    UNIT_CHECK(jws.sig[0] == 14 && jws.sig[31] == 101 && jws.sig[32] == 197 && jws.sig[63] == 213, "r and s");
    JOSE_QUEUE_EMPTY("verify");
    stir_jws_clear(&jws);
    UNIT_CHECK(!jws.header && !jws.payload, "cleared");
    EVP_PKEY_free(key);
}

static void test_round_trip(void)
{
    static const char header[] = "{\"alg\":\"ES256\",\"typ\":\"x\"}";
    static const char payload[] = "{\"a\":[1,2,{\"b\":null}]}";
    EVP_PKEY *key = jose_new_key(STIR_CURVE_P256);
    char *token = NULL;
    size_t len = 0;
    UNIT_OK(stir_jws_sign(&token, &len, stir_view_str(header), stir_view_str(payload), key, NULL));
    UNIT_CHECK(token && strlen(token) == len, "length %zu", len);
    UNIT_OK(parse_and_verify(token, len, key));
    struct stir_jws jws;
    UNIT_OK(stir_jws_parse(&jws, token, len, NULL));
    UNIT_STR(json_string_value(json_object_get(jws.header, "typ")), "x", "typ");
    UNIT_CHECK(json_array_size(json_object_get(jws.payload, "a")) == 3, "payload");
    stir_jws_clear(&jws);
    free(token);
    EVP_PKEY_free(key);
}

/* Signed well, so that nothing but the header stands between them and being accepted. */
static void test_headers(void)
{
    static const struct {
        const char *header;
        enum stir_code code;
    } rows[] = {
        {"{\"alg\":\"ES256\"}", STIR_OK},
        {" { \"typ\" : \"JWT\" , \"alg\" : \"ES256\" , \"kid\" : \"a\" } ", STIR_OK},
        {"{\"alg\":\"none\"}", STIR_E_ALG},
        {"{\"alg\":\"None\"}", STIR_E_ALG},
        {"{\"alg\":\"\"}", STIR_E_ALG},
        {"{\"alg\":\"HS256\"}", STIR_E_ALG},
        {"{\"alg\":\"ES384\"}", STIR_E_ALG},
        {"{\"alg\":\"ES256K\"}", STIR_E_ALG},
        {"{\"alg\":\"RS256\"}", STIR_E_ALG},
        {"{\"alg\":\"PS256\"}", STIR_E_ALG},
        {"{\"alg\":\"EdDSA\"}", STIR_E_ALG},
        {"{\"alg\":\"es256\"}", STIR_E_ALG},
        {"{\"alg\":\"ES256 \"}", STIR_E_ALG},
        {"{\"alg\":[\"ES256\"]}", STIR_E_ALG},
        {"{\"alg\":256}", STIR_E_ALG},
        {"{\"alg\":null}", STIR_E_ALG},
        {"{\"ALG\":\"ES256\"}", STIR_E_ALG},
        {"{}", STIR_E_ALG},
        {"{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}", STIR_E_CRIT},
        {"{\"alg\":\"ES256\",\"crit\":[]}", STIR_E_CRIT},
        {"{\"alg\":\"ES256\",\"crit\":null}", STIR_E_CRIT},
        {"{\"alg\":\"ES256\",\"b64\":false,\"crit\":[\"b64\"]}", STIR_E_CRIT},
        {"{\"alg\":\"ES256\",\"b64\":false}", STIR_E_CRIT},
        {"{\"alg\":\"ES256\",\"b64\":true}", STIR_E_CRIT},
        {"{\"alg\":\"ES256\",\"zip\":\"DEF\"}", STIR_E_JWS},
        {"{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\"}}", STIR_E_JWS},
        {"{\"alg\":\"none\",\"alg\":\"ES256\"}", STIR_E_JSON},
        {"{\"alg\":\"ES256\",\"alg\":\"ES256\"}", STIR_E_JSON},
        {"{\"alg\":\"ES256\"}{}", STIR_E_JSON},
        {"{\"alg\":\"ES256\"", STIR_E_JSON},
        {"{\"alg\":\"ES256\\u0000\"}", STIR_E_JSON},
        {"{\"alg\":\"ES256\",\"x\":\"\xff\"}", STIR_E_JSON},
        {"{\"alg\":\"ES256\",\"x\":1e400}", STIR_E_JSON},
        {"{\"alg\":\"ES256\",\"x\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", STIR_E_JSON},
        {"[\"ES256\"]", STIR_E_JSON},
        {"\"ES256\"", STIR_E_JSON},
        {"null", STIR_E_JSON},
        {" ", STIR_E_JSON},
    };
    EVP_PKEY *key = jose_new_key(STIR_CURVE_P256);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *token = NULL;
        size_t len = 0;
        UNIT_OK(stir_jws_sign(&token, &len, stir_view_str(rows[i].header), stir_view_str("{}"), key, NULL));
        UNIT_CODE(parse_and_verify(token, len, key), rows[i].code, rows[i].header);
        JOSE_QUEUE_EMPTY(rows[i].header);
        free(token);
    }
    EVP_PKEY_free(key);
}

static void test_payloads(void)
{
    static const struct {
        const char *payload;
        enum stir_code code;
    } rows[] = {
        {"{}", STIR_OK},
        {"[]", STIR_E_JSON},
        {"1", STIR_E_JSON},
        {"{\"a\":1,\"a\":2}", STIR_E_JSON},
        {"{\"a\":1} x", STIR_E_JSON},
        {"{\"iat\":1e400}", STIR_E_JSON},
        {"\xef\xbb\xbf{}", STIR_E_JSON},
    };
    EVP_PKEY *key = jose_new_key(STIR_CURVE_P256);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *token = NULL;
        size_t len = 0;
        UNIT_OK(stir_jws_sign(&token, &len, stir_view_str("{\"alg\":\"ES256\"}"), stir_view_str(rows[i].payload), key,
                              NULL));
        UNIT_CODE(parse_and_verify(token, len, key), rows[i].code, rows[i].payload);
        free(token);
    }
    EVP_PKEY_free(key);
}

/* A token that verifies with HMAC when the verifier's public key, as PEM text, is taken for the secret. */
static void test_algorithm_confusion(void)
{
    EVP_PKEY *key = jose_key(A3_KEY);
    char *pem = NULL;
    UNIT_OK(stir_key_to_pem(&pem, key, false, NULL));
    static const char *const headers[] = {"{\"alg\":\"HS256\"}", "{\"alg\":\"HS256\",\"typ\":\"passport\"}"};
    for (size_t i = 0; pem && i < 2; i++) {
        struct stir_buf token = {0};
        uint8_t mac[EVP_MAX_MD_SIZE];
        unsigned mac_len = 0;
        jose_put_text(&token, headers[i]);
        stir_buf_puts(&token, "." A3_PAYLOAD);
        (void)HMAC(EVP_sha256(), pem, (int)strlen(pem), (const uint8_t *)token.ptr, token.len, mac, &mac_len);
        stir_buf_puts(&token, ".");
        jose_put_b64url(&token, mac, mac_len);
        UNIT_CODE(parse_and_verify(token.ptr, token.len, key), STIR_E_ALG, headers[i]);
        stir_buf_free(&token);
    }
    free(pem);
    EVP_PKEY_free(key);
}

static void test_signature_parts(void)
{
    static const struct {
        const char *label;
        const char *hex;
        enum stir_code code;
    } rows[] = {
        {"one octet", "00", STIR_E_JWS},
        {"63 octets", ONE "00000000000000000000000000000000000000000000000000000000000000", STIR_E_JWS},
        {"65 octets", ONE ONE "00", STIR_E_JWS},
        {"twice", ONE ONE ONE ONE, STIR_E_JWS},
        {"A.3 in DER",
         "304502200ed1215379636c483c2f7f155807d402a3b228033af97c7e17819ac3169ea665022100c50a07d38c3c70e5d8f12daf084a548"
         "0"
         "a66590c5f293509a8f3f7f8a83a354d5",
         STIR_E_JWS},
        {"all zero", ZERO ZERO, STIR_E_SIGNATURE},
        {"r = 0", ZERO "c50a07d38c3c70e5d8f12daf084a5480a66590c5f293509a8f3f7f8a83a354d5", STIR_E_SIGNATURE},
        {"s = 0", "0ed1215379636c483c2f7f155807d402a3b228033af97c7e17819ac3169ea665" ZERO, STIR_E_SIGNATURE},
        {"r = n", GROUP_ORDER ONE, STIR_E_SIGNATURE},
        {"s = n", ONE GROUP_ORDER, STIR_E_SIGNATURE},
        {"r = s = n", GROUP_ORDER GROUP_ORDER, STIR_E_SIGNATURE},
        {"r > n", "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632552" ONE, STIR_E_SIGNATURE},
        {"s > n", ONE "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632552", STIR_E_SIGNATURE},
        {"s + n (s of A.3, where it would fit)",
         "0ed1215379636c483c2f7f155807d402a3b228033af97c7e17819ac3169ea665"
         "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
         STIR_E_SIGNATURE},
        {"r = s = 1", ONE ONE, STIR_E_SIGNATURE},
        {"r and s swapped",
         "c50a07d38c3c70e5d8f12daf084a5480a66590c5f293509a8f3f7f8a83a354d5"
         "0ed1215379636c483c2f7f155807d402a3b228033af97c7e17819ac3169ea665",
         STIR_E_SIGNATURE},
        {"as it is",
         "0ed1215379636c483c2f7f155807d402a3b228033af97c7e17819ac3169ea665"
         "c50a07d38c3c70e5d8f12daf084a5480a66590c5f293509a8f3f7f8a83a354d5",
         STIR_OK},
    };
    EVP_PKEY *key = jose_key(A3_KEY);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t sig[160];
        struct stir_buf token = {0};
        size_t len = unit_unhex(sig, sizeof(sig), rows[i].hex);
        stir_buf_puts(&token, A3_HEADER "." A3_PAYLOAD ".");
        jose_put_b64url(&token, sig, len);
        UNIT_CODE(parse_and_verify(token.ptr, token.len, key), rows[i].code, rows[i].label);
        JOSE_QUEUE_EMPTY(rows[i].label);
        stir_buf_free(&token);
    }
    EVP_PKEY_free(key);
}

static void test_parts(void)
{
    static const struct {
        const char *token;
        enum stir_code code;
    } rows[] = {
        {"", STIR_E_JWS},
        {".", STIR_E_JWS},
        {"..", STIR_E_JWS},
        {"...", STIR_E_JWS},
        {A3_HEADER, STIR_E_JWS},
        {A3_HEADER "." A3_PAYLOAD, STIR_E_JWS},
        {A3_HEADER "." A3_PAYLOAD ".", STIR_E_JWS},
        {A3_HEADER ".." A3_SIGNATURE, STIR_E_JWS},
        {"." A3_PAYLOAD "." A3_SIGNATURE, STIR_E_JWS},
        {A3_HEADER "." A3_PAYLOAD ".." A3_SIGNATURE, STIR_E_JWS},
        {A3_HEADER ".." A3_PAYLOAD "." A3_SIGNATURE, STIR_E_JWS},
        {A3_TOKEN ".", STIR_E_JWS},
        {A3_TOKEN "." A3_SIGNATURE, STIR_E_JWS},
        {"." A3_TOKEN, STIR_E_JWS},
        {A3_TOKEN ".a.b", STIR_E_JWS},
        {A3_TOKEN "\n", STIR_E_BASE64},
        {" " A3_TOKEN, STIR_E_BASE64},
        {A3_TOKEN ";info=<https://cert.example.org/passport.cer>", STIR_E_JWS},
        {"{\"payload\":\"" A3_PAYLOAD "\"}", STIR_E_JWS},
    };
    struct stir_jws jws;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UNIT_CODE(stir_jws_parse(&jws, rows[i].token, strlen(rows[i].token), NULL), rows[i].code, rows[i].token);
    }
}

static void test_misspelled_base64(void)
{
    EVP_PKEY *key = jose_key(A3_KEY);
    for (unsigned part = 0; part < 3; part++) {
        for (unsigned how = 0; how < JOSE_MISSPELLINGS; how++) {
            char *spelled = jose_misspell(jose_part(A3_TOKEN, part), how);
            if (!spelled) {
                continue;
            }
            struct stir_view old = jose_part(A3_TOKEN, part);
            size_t len = strlen(A3_TOKEN);
            struct stir_buf token = {0};
            size_t spelled_len = how == 6 ? old.len : strlen(spelled);
            stir_buf_put(&token, A3_TOKEN, (size_t)(old.ptr - A3_TOKEN));
            stir_buf_put(&token, spelled, spelled_len);
            stir_buf_put(&token, old.ptr + old.len, len - (size_t)(old.ptr + old.len - A3_TOKEN));
            enum stir_code code = parse_and_verify(token.ptr, token.len, key);
            UNIT_CHECK(code == STIR_E_BASE64, "part %u, way %u: %s", part, how, stir_error_name(code));
            stir_buf_free(&token);
            free(spelled);
        }
    }
    EVP_PKEY_free(key);
}

static void test_truncations_and_flips(void)
{
    EVP_PKEY *key = jose_key(A3_KEY);
    char token[] = A3_TOKEN;
    const size_t len = strlen(token);
    for (size_t n = 0; n < len; n++) {
        UNIT_CHECK(parse_and_verify(token, n, key) != STIR_OK, "the first %zu octets verify", n);
    }
    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            token[i] = (char)(token[i] ^ 1 << bit);
            UNIT_CHECK(parse_and_verify(token, len, key) != STIR_OK, "octet %zu, bit %u altered verifies", i, bit);
            token[i] = (char)(token[i] ^ 1 << bit);
        }
    }
    UNIT_OK(parse_and_verify(token, len, key));
    JOSE_QUEUE_EMPTY("flips");
    EVP_PKEY_free(key);
}

/* A payload that makes a token of exactly `total` characters with the shortest header; NULL if none does. */
static char *payload_for(size_t total)
{
    size_t rest = total - strlen(A3_HEADER) - 2 - stir_b64url_len(STIR_ES256_SIG);
    size_t n = rest / 4 * 3 + (rest % 4 ? rest % 4 - 1 : 0);
    if (rest % 4 == 1) {
        return NULL;
    }
    struct stir_buf text = {0};
    stir_buf_puts(&text, "{\"a\":\"");
    char *p = stir_buf_extend(&text, n - 8);
    memset(p, 'b', n - 8);
    stir_buf_puts(&text, "\"}");
    return stir_buf_steal(&text, NULL);
}

static void test_sizes(void)
{
    EVP_PKEY *key = jose_new_key(STIR_CURVE_P256);
    size_t largest = 0;
    for (size_t total = STIR_JWS_MAX - 4; total <= STIR_JWS_MAX + 4; total++) {
        char *payload = payload_for(total);
        char *token = NULL;
        size_t len = 0;
        if (!payload) {
            continue;
        }
        enum stir_code code =
            stir_jws_sign(&token, &len, stir_view_str("{\"alg\":\"ES256\"}"), stir_view_str(payload), key, NULL);
        UNIT_CODE(code, total <= STIR_JWS_MAX ? STIR_OK : STIR_E_TOO_BIG, "signing near the limit");
        if (code == STIR_OK) {
            UNIT_CHECK(len == total, "length %zu of %zu", len, total);
            UNIT_OK(parse_and_verify(token, len, key)); /* what is signed can be verified */
            largest = len;
        }
        free(token);
        free(payload);
    }
    UNIT_CHECK(largest + 2 >= STIR_JWS_MAX, "the largest was %zu", largest);
    char *huge = calloc(1, STIR_JWS_MAX + 1);
    struct stir_jws jws;
    char *token = NULL;
    const struct stir_view big = stir_view(huge, STIR_JWS_MAX + 1);
    const struct stir_view small = stir_view_str("{}");
    UNIT_CODE(stir_jws_sign(&token, &largest, big, small, key, NULL), STIR_E_TOO_BIG, "a huge header");
    UNIT_CODE(stir_jws_sign(&token, &largest, small, big, key, NULL), STIR_E_TOO_BIG, "a huge payload");
    UNIT_CODE(stir_jws_parse(&jws, huge, STIR_JWS_MAX, NULL), STIR_E_JWS, "limit");
    UNIT_CODE(stir_jws_parse(&jws, huge, STIR_JWS_MAX + 1, NULL), STIR_E_TOO_BIG, "limit + 1");
    free(huge);
    EVP_PKEY_free(key);
}

static EVP_PKEY *named_curve(const char *name)
{
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", name);
}

static void test_keys(void)
{
    struct {
        const char *label;
        EVP_PKEY *key;
        enum stir_code verify;
        enum stir_code sign;
    } rows[] = {
        {"the key", jose_key(A3_KEY), STIR_OK, STIR_OK},
        {"another P-256 key", jose_new_key(STIR_CURVE_P256), STIR_E_SIGNATURE, STIR_OK},
        {"its public half",
         jose_key("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"),
         STIR_OK, STIR_E_KEY},
        {"X25519", jose_new_key(STIR_CURVE_X25519), STIR_E_KEY, STIR_E_KEY},
        {"P-384", named_curve("P-384"), STIR_E_KEY, STIR_E_KEY},
        {"secp256k1", named_curve("secp256k1"), STIR_E_KEY, STIR_E_KEY},
        {"Ed25519", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), STIR_E_KEY, STIR_E_KEY},
        {"RSA", EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), STIR_E_KEY, STIR_E_KEY},
        {"no key", NULL, STIR_E_KEY, STIR_E_KEY},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char untouched = 'u';
        char *token = &untouched;
        size_t len = 77;
        UNIT_CODE(parse_and_verify(A3_TOKEN, strlen(A3_TOKEN), rows[i].key), rows[i].verify, rows[i].label);
        enum stir_code code =
            stir_jws_sign(&token, &len, stir_view_str("{\"alg\":\"ES256\"}"), stir_view_str("{}"), rows[i].key, NULL);
        UNIT_CODE(code, rows[i].sign, rows[i].label);
        JOSE_QUEUE_EMPTY(rows[i].label);
        if (code == STIR_OK) {
            free(token);
        } else {
            UNIT_CHECK(token == &untouched && len == 77, "%s: outputs touched on failure", rows[i].label);
        }
        EVP_PKEY_free(rows[i].key);
    }
}

static void test_failure_leaves_output(void)
{
    struct stir_jws jws = {.header = (json_t *)&jws, .sig = {1, 2, 3}};
    const struct stir_jws before = jws;
    struct stir_error err = {0};
    UNIT_CODE(stir_jws_parse(&jws, "a.b", 3, &err), STIR_E_JWS, "two parts");
    UNIT_CODE(stir_jws_parse(&jws, A3_TOKEN "A", strlen(A3_TOKEN) + 1, &err), STIR_E_JWS, "a longer signature");
    UNIT_CHECK(jws.header == before.header && memcmp(jws.sig, before.sig, sizeof(jws.sig)) == 0, "touched");
    UNIT_CHECK(err.code == STIR_E_JWS && err.text[0], "text: %s", err.text);
}

UNIT_MAIN("jws", {"RFC 7515 appendix A.3", test_rfc7515_a3}, {"sign, parse, verify", test_round_trip},
          {"headers", test_headers}, {"payloads", test_payloads},
          {"HS256 with the public key", test_algorithm_confusion}, {"signatures", test_signature_parts},
          {"parts", test_parts}, {"misspelled base64", test_misspelled_base64},
          {"truncations and flipped bits", test_truncations_and_flips}, {"sizes", test_sizes}, {"keys", test_keys},
          {"failure leaves the output alone", test_failure_leaves_output})
