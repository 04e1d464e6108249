/* SPDX-License-Identifier: MIT */
#include "cps/server/server_internal.h"

#include "cps/api/routes.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

/* Writes a keyed hash of a destination for the log: equal destinations can be recognised, but the number cannot be
 * recovered without the key, which exists only in this process. */
static void access_log_hash_dest(const struct cpsd_worker *worker, const struct stir_identity *dest, char out[17])
{
    unsigned char mac[EVP_MAX_MD_SIZE] = {0};
    unsigned len = 0;
    (void)HMAC(EVP_sha256(), worker->log_key, (int)sizeof(worker->log_key), (const unsigned char *)dest->text,
               dest->len, mac, &len);
    for (int i = 0; i < 8; i++) {
        (void)snprintf(out + (size_t)i * 2, 3, "%02x", mac[i]);
    }
}

/* Appends "token:1234" or "tls:1234", nothing for a caller without a credential, and writes the client's address as the
 * connection or the proxy gives it. */
static void access_log_describe_caller(struct stir_buf *out, char address[INET6_ADDRSTRLEN],
                                       const struct cpsd_caller *caller)
{
    static const char *const kinds[] = {[CPSD_TOKEN] = "token", [CPSD_TLS] = "tls"};
    if (cpsd_caller_authenticated(caller)) {
        stir_buf_printf(out, "%s%s%s", kinds[caller->kind], caller->spc[0] ? ":" : "", caller->spc);
    }
    if (IN6_IS_ADDR_V4MAPPED(&caller->address)) {
        (void)inet_ntop(AF_INET, &caller->address.s6_addr[12], address, INET6_ADDRSTRLEN);
    } else if (!IN6_IS_ADDR_UNSPECIFIED(&caller->address)) {
        (void)inet_ntop(AF_INET6, &caller->address, address, INET6_ADDRSTRLEN);
    }
}

void cpsd_access_log(struct cpsd_worker *worker, const struct cpsd_request *request, int status, uint64_t us)
{
    char code[12], took[24], hash[17] = "";
    (void)snprintf(code, sizeof(code), "%d", status);
    (void)snprintf(took, sizeof(took), "%" PRIu64, us);
    /* numbers are personal data: they are logged only with [log] numbers = yes */
    if (request->has_dest) {
        access_log_hash_dest(worker, &request->dest, hash);
    }
    const char *dest = worker->service.config->log_numbers ? request->dest.text : hash;
    struct stir_buf caller = {.limit = 64};
    char address[INET6_ADDRSTRLEN] = "";
    access_log_describe_caller(&caller, address, &request->caller);
    const struct stir_log_field fields[] = {
        {"method", cpsd_method_name(request->method)},
        {"route", request->route ? request->route->pattern : NULL},
        {"status", code},
        {"us", took},
        {"dest", request->has_dest ? dest : NULL},
        {"caller", caller.ptr},
        {"address", address[0] ? address : NULL},
    };
    stir_log(worker->service.log, STIR_LOG_NOTICE, fields, sizeof(fields) / sizeof(fields[0]), "request");
    stir_buf_free(&caller);
}
