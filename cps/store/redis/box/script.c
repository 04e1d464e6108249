/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/box/script.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

void cpsd_redis_script_sha(enum cpsd_redis_script script, char out[CPSD_REDIS_SHA_TEXT + 1])
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    const char *text = cpsd_redis_script_texts[script];
    (void)SHA1((const unsigned char *)text, strlen(text), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
}
