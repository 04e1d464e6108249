/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/view.h"
#include "cps/auth/client_cert.h"

/*
 * What a proxy in front of cpsd (an "edge") says about a client in header fields: the client's certificate (RFC 9440)
 * and address. The proxy must remove these fields from what clients send. They are believed only on listen_plain
 * listeners with [server] edge = yes.
 */

/* The certificates that came recently, with the verdicts on them: a proxy sends them with every request. One per
 * worker. */
struct cpsd_proxy_headers;
enum stir_code cpsd_proxy_headers_new(struct cpsd_proxy_headers **out, struct stir_error *err) STIR_MUST_CHECK;
void cpsd_proxy_headers_free(struct cpsd_proxy_headers *headers);

/* Returns the certificate in Client-Cert and Client-Cert-Chain, or NULL without these fields. Fields that do not follow
 * RFC 9440 give a certificate that is refused. It belongs to `headers` and is valid until the next call. */
struct cpsd_client_cert *cpsd_proxy_headers_cert(struct cpsd_proxy_headers *headers, struct stir_view cert,
                                                 struct stir_view chain);

/* Reads the client's address as the proxy saw it: the last one in Forwarded (RFC 7239) or else in X-Forwarded-For, IPv4
 * mapped, without its port. Returns false, with *out untouched, if there is none or it cannot be read. */
bool cpsd_proxy_headers_address(struct in6_addr *out, struct stir_view forwarded, struct stir_view x_forwarded_for);
