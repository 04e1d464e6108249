/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/net/transport.h"

#include <curl/curl.h>

/* Between transport.c, which runs the transfers, and common/net/https.h, which has libcurl's settings. */

/* Initializes libcurl once in the process. CPS_E_UNAVAILABLE. */
enum cps_code cps_curl_once(struct cps_error *err) STIR_MUST_CHECK;

/* Sets up an easy handle for the transfer's request. Returns false if memory is used up or libcurl lacks a feature. */
bool cps_curl_prepare(struct cps_transfer *transfer, CURL *easy, const struct cps_transport_config *config);

/* Fills the transfer's response, with the answer or an error, from the result of the handle. */
void cps_curl_conclude(struct cps_transfer *transfer, CURL *easy, CURLcode result);
