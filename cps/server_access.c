#include "cps/server_internal.h"

#include "cps/routes.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

/* A destination in a log is a keyed hash: equal ones can be told, a number cannot be had back without the key, which
 * lives as long as the process. */
static void hash_dest(const struct cpsd_worker *worker, const struct stir_identity *dest, char out[17])
{
    unsigned char mac[EVP_MAX_MD_SIZE] = {0};
    unsigned len = 0;
    (void)HMAC(EVP_sha256(), worker->log_key, (int)sizeof(worker->log_key), (const unsigned char *)dest->text,
               dest->len, mac, &len);
    for (int i = 0; i < 8; i++) {
        (void)snprintf(out + (size_t)i * 2, 3, "%02x", mac[i]);
    }
}

void cpsd_access_log(struct cpsd_worker *worker, const struct cpsd_request *request, int status, uint64_t us)
{
    char code[12], took[24], hash[17] = "";
    (void)snprintf(code, sizeof(code), "%d", status);
    (void)snprintf(took, sizeof(took), "%" PRIu64, us);
    if (request->has_dest) {
        hash_dest(worker, &request->dest, hash);
    }
    const char *dest = worker->service.config->log_numbers ? request->dest.text : hash;
    const struct stir_log_field fields[] = {
        {"method", cpsd_method_name(request->method)},
        {"route", request->route ? request->route->pattern : NULL},
        {"status", code},
        {"us", took},
        {"dest", request->has_dest ? dest : NULL},
    };
    stir_log(worker->service.log, STIR_LOG_NOTICE, fields, sizeof(fields) / sizeof(fields[0]), "request");
}
