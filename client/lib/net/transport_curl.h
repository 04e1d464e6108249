#pragma once

#include "client/lib/net/transport.h"

#include <curl/curl.h>

/* Between the two files that know libcurl: one transfer's settings, and what came of it. */

/* Initializes libcurl once in the process. */
enum cps_code cps_curl_once(struct cps_error *err) STIR_MUST_CHECK;

/* Sets an easy handle up for the transfer's request. False: out of memory, or libcurl lacks a feature that is needed.
 */
bool cps_curl_prepare(struct cps_transfer *transfer, CURL *easy, const struct cps_transport_config *config);

/* Fills the response from the handle's result. */
void cps_curl_conclude(struct cps_transfer *transfer, CURL *easy, CURLcode result);
