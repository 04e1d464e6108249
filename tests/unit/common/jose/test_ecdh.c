/* SPDX-License-Identifier: MIT */
#include "common/jose/ecdh.h"
#include "tests/unit/jose.h"

#include <openssl/core_names.h>

/* RFC 7518 appendix C */
#define C_ALICE                                                                                                        \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0\","                         \
    "\"y\":\"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps\",\"d\":\"0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo\"}"
#define C_BOB                                                                                                          \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ\","                         \
    "\"y\":\"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck\",\"d\":\"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw\"}"
#define C_Z "9e56d91d817135d372834283bf84269cfb316ea3da806a48f6daa7798cfe90c4"

/* RFC 7520 section 5.5: the agreement and the derivation are ours, its content encryption (CBC) is not */
#define COOKBOOK_KEY                                                                                                   \
    "{\"kty\":\"EC\",\"kid\":\"meriadoc.brandybuck@buckland.example\",\"use\":\"enc\",\"crv\":\"P-256\","              \
    "\"x\":\"Ze2loSV3wrroKUN_4zhwGhCqo3Xhu1td4QjeQ5wIVR0\",\"y\":\"HlLtdXARY_f55A3fnzQbPcm6hgr34Mp8p-nuzQCE0Zw\","     \
    "\"d\":\"r_kHyZ-a06rmxM3yESK84r1otSg-aQcVStkRhA-iCM8\"}"
#define COOKBOOK_EPHEMERAL                                                                                             \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"mPUKT_bAWGHIhg0TpjjqVsP1rXWQu_vwVOHHtNkdYoA\","                         \
    "\"y\":\"8BQAsImGeAS46fyWw5MhYfGTT0IjBpFw2SS34Dv4Irs\",\"d\":\"AtH35vJsQ9SGjYfOsjUxYXQKrPH3FjZHmEtSKoSN8cM\"}"
#define COOKBOOK_CEK "hzHdlfQIAEehb8Hrd_mFRhKsKLEzPfshfXs9l6areCc"

/* RFC 8037 appendix A.6; the private halves are those of RFC 7748 section 6.1 */
#define A6_BOB                                                                                                         \
    "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"kid\":\"Bob\",\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\","       \
    "\"d\":\"XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os\"}"
#define A6_EPHEMERAL                                                                                                   \
    "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo\","                       \
    "\"d\":\"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo\"}"
#define A6_Z "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"

static bool same_octets(const uint8_t *octets, size_t n, const char *hex)
{
    uint8_t expected[64];
    return unit_unhex(expected, sizeof(expected), hex) == n && memcmp(octets, expected, n) == 0;
}

static void check_agreement(const char *one, const char *other, const char *z_hex)
{
    EVP_PKEY *keys[] = {jose_key(one), jose_key(other)};
    for (unsigned i = 0; i < 2; i++) {
        struct stir_point peer;
        uint8_t z[STIR_SHARED_SECRET];
        UNIT_OK(stir_point_of(&peer, keys[1 - i], NULL));
        UNIT_OK(stir_ecdh_agree(z, keys[i], &peer, NULL));
        UNIT_CHECK(same_octets(z, sizeof(z), z_hex), "Z of side %u", i);
    }
    JOSE_QUEUE_EMPTY("agree");
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
}

static void check_kdf(const char *z_hex, const char *alg, unsigned bits, const char *apu, const char *apv,
                      const char *key_hex)
{
    uint8_t z[STIR_SHARED_SECRET];
    uint8_t key[33];
    memset(key, 0xee, sizeof(key));
    (void)unit_unhex(z, sizeof(z), z_hex);
    UNIT_OK(stir_concat_kdf(key, bits, z, sizeof(z), alg, apu, apv, NULL));
    UNIT_CHECK(same_octets(key, bits / 8, key_hex), "%s, %u bits, %s, %s", alg, bits, apu, apv);
    UNIT_CHECK(key[bits / 8] == 0xee, "wrote behind the key");
}

static void test_rfc7518_c(void)
{
    check_agreement(C_ALICE, C_BOB, C_Z);
    check_kdf(C_Z, "A128GCM", 128, "Alice", "Bob", "56aa8deaf8236d205c2228cd71a7101a");
}

static void test_rfc7520_5_5(void)
{
    EVP_PKEY *key = jose_key(COOKBOOK_KEY);
    EVP_PKEY *ephemeral = jose_key(COOKBOOK_EPHEMERAL);
    struct stir_point epk;
    uint8_t z[STIR_SHARED_SECRET];
    uint8_t cek[32];
    char text[44] = {0};
    UNIT_OK(stir_point_of(&epk, ephemeral, NULL));
    UNIT_OK(stir_ecdh_agree(z, key, &epk, NULL));
    UNIT_OK(stir_concat_kdf(cek, 256, z, sizeof(z), "A128CBC-HS256", "", "", NULL));
    (void)stir_b64url_encode(text, cek, sizeof(cek));
    UNIT_STR(text, COOKBOOK_CEK, "figure 123");
    EVP_PKEY_free(ephemeral);
    EVP_PKEY_free(key);
}

/* The RFC ends at Z; the keys derived from it were computed with python3-cryptography's ConcatKDFHash. */
static void test_rfc8037_a6(void)
{
    check_agreement(A6_EPHEMERAL, A6_BOB, A6_Z);
    check_kdf(A6_Z, "A256GCM", 256, "", "", "d3f1a933aa331e5d3204beab09cddb96dbdaba47a555530b70fa4af7187c6edd");
    check_kdf(A6_Z, "A256GCM", 256, "Alice", "Bob", "2f3636918ddb57fe0b3569113f19c4b6c518c2843f8930f05db25cd55dee53c1");
    check_kdf(A6_Z, "A128GCM", 128, "", "", "ea3ff64f86e83c4e53d05e804aee7a5e");
    check_kdf(A6_Z, "A128GCM", 128, "Alice", "Bob", "a6e354fdfc89b00660736b6f10595112");
}

static void test_kdf_limits(void)
{
    uint8_t key[64];
    uint8_t z[300] = {1};
    char text[300];
    memset(text, 'a', sizeof(text));
    const struct {
        const char *label;
        unsigned bits;
        size_t z_len;
        size_t alg_len;
        size_t apu_len;
        size_t apv_len;
        enum stir_code code;
    } rows[] = {
        {"0 bits", 0, 32, 7, 0, 0, STIR_E_INVAL},
        {"192 bits", 192, 32, 7, 0, 0, STIR_E_INVAL},
        {"512 bits", 512, 32, 7, 0, 0, STIR_E_INVAL},
        {"P-521's Z", 256, 66, 7, 0, 0, STIR_OK},
        {"empty Z", 256, 0, 7, 0, 0, STIR_OK},
        {"Z fills it", 256, 236, 0, 0, 0, STIR_OK},
        {"Z one over", 256, 237, 0, 0, 0, STIR_E_INVAL},
        {"alg one over", 256, 32, 205, 0, 0, STIR_E_INVAL},
        {"apu one over", 256, 32, 7, 198, 0, STIR_E_INVAL},
        {"apv one over", 256, 32, 7, 7, 191, STIR_E_INVAL},
        {"all fill it", 256, 32, 7, 7, 190, STIR_OK},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char alg[300];
        char apu[300];
        char apv[300];
        (void)snprintf(alg, sizeof(alg), "%.*s", (int)rows[i].alg_len, text);
        (void)snprintf(apu, sizeof(apu), "%.*s", (int)rows[i].apu_len, text);
        (void)snprintf(apv, sizeof(apv), "%.*s", (int)rows[i].apv_len, text);
        UNIT_CODE(stir_concat_kdf(key, rows[i].bits, z, rows[i].z_len, alg, apu, apv, NULL), rows[i].code,
                  rows[i].label);
    }
}

static void test_p256_points(void)
{
    static const struct {
        const char *label;
        const char *hex;
        enum stir_code code;
    } rows[] = {
        {"the base point",
         "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
         "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
         STIR_OK},
        {"x = 0",
         "0000000000000000000000000000000000000000000000000000000000000000"
         "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4",
         STIR_OK},
        {"x = 5",
         "0000000000000000000000000000000000000000000000000000000000000005"
         "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc",
         STIR_OK},
        {"x = 5 + p, the same point",
         "ffffffff00000001000000000000000000000001000000000000000000000004"
         "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc",
         STIR_E_KEY},
        {"x = p, for 0",
         "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
         "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4",
         STIR_E_KEY},
        {"y = p",
         "0000000000000000000000000000000000000000000000000000000000000005"
         "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
         STIR_E_KEY},
        {"infinity as (0, 0)",
         "0000000000000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000",
         STIR_E_KEY},
        {"all ones",
         "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
         "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
         STIR_E_KEY},
        {"off the curve by one bit of y",
         "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
         "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f4",
         STIR_E_KEY},
        {"an x that no point has",
         "0000000000000000000000000000000000000000000000000000000000000001"
         "de17b2671045fe58740248c17a8bd2fb2ef7c3c49b01da9f903efa3dcda669c7",
         STIR_E_KEY},
        {"x and y swapped",
         "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
         "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
         STIR_E_KEY},
    };
    EVP_PKEY *own = jose_key(C_BOB);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_point point = {.curve = STIR_CURVE_P256};
        uint8_t z[STIR_SHARED_SECRET];
        EVP_PKEY *key = NULL;
        (void)unit_unhex(point.octets, sizeof(point.octets), rows[i].hex);
        UNIT_CODE(stir_point_check(&point, NULL), rows[i].code, rows[i].label);
        UNIT_CODE(stir_point_key(&key, &point, NULL, NULL), rows[i].code, rows[i].label);
        EVP_PKEY_free(key);
        enum stir_code agreed = rows[i].code == STIR_OK ? STIR_OK : STIR_E_CRYPTO;
        UNIT_CODE(stir_ecdh_agree(z, own, &point, NULL), agreed, rows[i].label);
        JOSE_QUEUE_EMPTY(rows[i].label);
    }
    EVP_PKEY_free(own);
}

/* Every u whose secret with any key is zero, reduced or not, with and without the bit that is masked. */
static void test_x25519_low_order(void)
{
    static const char *const rows[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    EVP_PKEY *own = jose_key(A6_BOB);
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_point point = {.curve = STIR_CURVE_X25519};
        uint8_t z[STIR_SHARED_SECRET];
        (void)unit_unhex(point.octets, 32, rows[i / 2]);
        point.octets[31] = (uint8_t)(point.octets[31] | (i % 2 ? 0x80 : 0));
        UNIT_CODE(stir_point_check(&point, NULL), STIR_E_KEY, rows[i / 2]);
        UNIT_CODE(stir_ecdh_agree(z, own, &point, NULL), STIR_E_CRYPTO, rows[i / 2]);
        JOSE_QUEUE_EMPTY(rows[i / 2]);
        EVP_PKEY *recipient = NULL;
        UNIT_OK(stir_point_key(&recipient, &point, NULL, NULL));
        struct stir_point epk;
        UNIT_CODE(stir_ecdh_ephemeral(z, &epk, recipient, NULL), STIR_E_KEY, rows[i / 2]);
        EVP_PKEY_free(recipient);
    }
    EVP_PKEY_free(own);
}

/* RFC 7748 section 5: values from p on, and the masked bit, are accepted and reduced. */
static void test_x25519_unreduced(void)
{
    static const char *const nines[] = {
        "0900000000000000000000000000000000000000000000000000000000000000",
        "0900000000000000000000000000000000000000000000000000000000000080",
        "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    EVP_PKEY *own = jose_key(A6_BOB);
    for (size_t i = 0; i < sizeof(nines) / sizeof(nines[0]); i++) {
        struct stir_point point = {.curve = STIR_CURVE_X25519};
        uint8_t z[STIR_SHARED_SECRET];
        (void)unit_unhex(point.octets, 32, nines[i]);
        UNIT_OK(stir_point_check(&point, NULL));
        UNIT_OK(stir_ecdh_agree(z, own, &point, NULL));
        UNIT_CHECK(same_octets(z, 32, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"),
                   "X25519(b, 9) is Bob's public key: %s", nines[i]);
    }
    EVP_PKEY_free(own);
}

static void test_ephemeral(void)
{
    for (unsigned curve = STIR_CURVE_P256; curve <= STIR_CURVE_X25519; curve++) {
        EVP_PKEY *key = jose_new_key(curve);
        struct stir_point epk[2];
        uint8_t sent[2][STIR_SHARED_SECRET];
        uint8_t got[STIR_SHARED_SECRET];
        for (unsigned i = 0; i < 2; i++) {
            UNIT_OK(stir_ecdh_ephemeral(sent[i], &epk[i], key, NULL));
            UNIT_OK(stir_point_check(&epk[i], NULL));
            UNIT_OK(stir_ecdh_agree(got, key, &epk[i], NULL));
            UNIT_CHECK(epk[i].curve == curve && memcmp(sent[i], got, sizeof(got)) == 0, "curve %u", curve);
        }
        UNIT_CHECK(memcmp(sent[0], sent[1], sizeof(got)) != 0, "the same secret twice");
        UNIT_CHECK(memcmp(epk[0].octets, epk[1].octets, STIR_COORDINATE) != 0, "the same epk twice");
        EVP_PKEY_free(key);
    }
}

static void test_wrong_keys(void)
{
    EVP_PKEY *p256 = jose_new_key(STIR_CURVE_P256);
    EVP_PKEY *x25519 = jose_new_key(STIR_CURVE_X25519);
    EVP_PKEY *p384 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
    struct stir_point points[2];
    uint8_t z[STIR_SHARED_SECRET];
    UNIT_OK(stir_point_of(&points[0], p256, NULL));
    UNIT_OK(stir_point_of(&points[1], x25519, NULL));
    UNIT_CODE(stir_ecdh_agree(z, x25519, &points[0], NULL), STIR_E_KEY, "P-256 point, X25519 key");
    UNIT_CODE(stir_ecdh_agree(z, p256, &points[1], NULL), STIR_E_KEY, "X25519 point, P-256 key");
    UNIT_CODE(stir_ecdh_agree(z, p384, &points[0], NULL), STIR_E_KEY, "P-384 key");
    UNIT_CODE(stir_ecdh_ephemeral(z, &points[0], p384, NULL), STIR_E_KEY, "P-384 recipient");
    UNIT_CODE(stir_ecdh_ephemeral(z, &points[0], NULL, NULL), STIR_E_KEY, "no recipient");
    for (unsigned i = 0; i < 2; i++) {
        EVP_PKEY *public_half = NULL;
        UNIT_OK(stir_point_key(&public_half, &points[i], NULL, NULL));
        UNIT_CODE(stir_ecdh_agree(z, public_half, &points[i], NULL), STIR_E_KEY, "a public key");
        JOSE_QUEUE_EMPTY("a public key");
        EVP_PKEY_free(public_half);
    }
    EVP_PKEY_free(p256);
    EVP_PKEY_free(x25519);
    EVP_PKEY_free(p384);
}

/* A key whose own notation is compressed, as `openssl ec -conv_form compressed` writes it. */
static void test_compressed_notation(void)
{
    EVP_PKEY *key = jose_key(C_ALICE);
    struct stir_point before;
    struct stir_point after;
    struct stir_point epk;
    uint8_t z[STIR_SHARED_SECRET];
    uint8_t again[STIR_SHARED_SECRET];
    UNIT_OK(stir_point_of(&before, key, NULL));
    UNIT_CHECK(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed") == 1,
               "cannot be set");
    UNIT_OK(stir_point_of(&after, key, NULL));
    UNIT_CHECK(memcmp(before.octets, after.octets, sizeof(before.octets)) == 0, "another point");
    UNIT_OK(stir_ecdh_ephemeral(z, &epk, key, NULL));
    UNIT_OK(stir_ecdh_agree(again, key, &epk, NULL));
    UNIT_CHECK(memcmp(z, again, sizeof(z)) == 0, "another secret");
    EVP_PKEY_free(key);
}

UNIT_MAIN("ecdh", {"RFC 7518 appendix C", test_rfc7518_c}, {"RFC 7520 section 5.5", test_rfc7520_5_5},
          {"RFC 8037 appendix A.6", test_rfc8037_a6}, {"limits of the derivation", test_kdf_limits},
          {"points of P-256", test_p256_points}, {"X25519 points of low order", test_x25519_low_order},
          {"X25519 values that are not reduced", test_x25519_unreduced}, {"ephemeral keys", test_ephemeral},
          {"wrong keys", test_wrong_keys}, {"compressed notation", test_compressed_notation})
