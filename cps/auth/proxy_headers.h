#pragma once

#include "common/base/view.h"
#include "cps/auth/client_cert.h"

/*
 * What the edge in front says of a client, in header fields that it sets itself and takes out of what comes from
 * outside: the client's certificate (RFC 9440) and address. Believed on listen_plain listeners with [server] edge =
 * yes, nowhere else.
 */

/* Certificates that came lately, with what they were judged: an edge sends them with every request. One a worker. */
struct cpsd_proxy_headers;
enum stir_code cpsd_proxy_headers_new(struct cpsd_proxy_headers **out, struct stir_error *err) STIR_MUST_CHECK;
void cpsd_proxy_headers_free(struct cpsd_proxy_headers *edge);

/* The certificate in Client-Cert and Client-Cert-Chain; NULL if there is none. What is not as RFC 9440 writes it is one
 * that is refused. Belongs to edge, until its next call. */
struct cpsd_client_cert *cpsd_proxy_headers_cert(struct cpsd_proxy_headers *edge, struct stir_view cert,
                                                 struct stir_view chain);

/* The address that the edge saw: the last one in Forwarded (RFC 7239) or else in X-Forwarded-For, IPv4 mapped, its port
 * left out. False, and *out untouched, if there is none that can be read. */
bool cpsd_proxy_headers_address(struct in6_addr *out, struct stir_view forwarded, struct stir_view x_forwarded_for);
