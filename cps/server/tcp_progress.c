/* SPDX-License-Identifier: MIT */
#include "cps/server/tcp_progress.h"

#include <linux/sockios.h>
#include <linux/tcp.h> /* netinet/tcp.h has no tcpi_bytes_acked */
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

uint64_t cpsd_octets_acked(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_bytes_acked : 0;
}

uint64_t cpsd_octets_queued(int fd)
{
    int queued = 0;
    return ioctl(fd, SIOCOUTQ, &queued) == 0 && queued > 0 ? (uint64_t)queued : 0;
}
