#pragma once

#include "common/error.h"

#include <stdbool.h>
#include <sys/socket.h>

/* "host:port", "192.0.2.1:2775", "[2001:db8::1]:2775". */
struct gw_endpoint {
    char host[256]; /* without brackets */
    char port[6];
};

/* STIR_E_CONFIG says what is wrong; `key` names where it stands. Port 0 is a port. */
enum stir_code gw_endpoint_read(struct gw_endpoint *out, const char *key, const char *text,
                                struct stir_error *err) STIR_MUST_CHECK;

/* The same as an address to listen on; names are not looked up. */
enum stir_code gw_endpoint_address(struct sockaddr_storage *out, const char *key, const char *text,
                                   struct stir_error *err) STIR_MUST_CHECK;
