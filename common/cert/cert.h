/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/cert/chain.h" /* the earlier name of that header */
