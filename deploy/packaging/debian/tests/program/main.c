/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stir-cps/cps.h>
#include <stir-cps/cps_smpp.h>

int main(void)
{
    struct cps_options options = {.size = sizeof(options), .cps_url = "https://localhost:18443"};
    struct cps_error err = {0};
    struct cps *cps = NULL;
    if (cps_new(&cps, &options, &err) != CPS_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    cps_free(cps);
    return printf("libcps %s\n", cps_version()) < 0;
}
