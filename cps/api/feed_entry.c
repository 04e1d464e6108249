/* SPDX-License-Identifier: MIT */
#include "cps/api/feed_entry.h"

#include "common/jose/json.h"
#include "cps/api/id_text.h"

#include <string.h>

void cpsd_feed_box(struct stir_identity *out, const char *spc)
{
    static const char prefix[] = "/feed/"; /* no destination starts with a slash, so no path names this box */
    size_t n = strnlen(spc, STIR_SPC_MAX);
    out->kind = STIR_IDENTITY_URI;
    memcpy(out->text, prefix, sizeof(prefix) - 1);
    memcpy(out->text + sizeof(prefix) - 1, spc, n);
    out->len = (unsigned)(sizeof(prefix) - 1 + n);
    out->text[out->len] = '\0';
    stir_spc_normalize(out->text + sizeof(prefix) - 1);
}

bool cpsd_feed_entry(const struct cpsd_entry *entry, struct stir_view *dest, struct stir_view *envelope)
{
    const char *text = entry->envelope.ptr;
    const char *end = memchr(text, '\n', entry->envelope.len);
    if (!end) {
        return false;
    }
    *dest = stir_view(text, (size_t)(end - text));
    *envelope = stir_view(end + 1, entry->envelope.len - dest->len - 1);
    return true;
}

void cpsd_feed_render(struct stir_buf *out, const struct cpsd_entry *entry, struct stir_view dest,
                      struct stir_view envelope)
{
    char id[CPSD_ID_TEXT];
    cpsd_id_text(id, entry->id);
    stir_buf_puts(out, "{\"dest\":");
    stir_json_quote(out, dest.ptr, dest.len);
    stir_buf_puts(out, ",\"id\":\"");
    stir_buf_put(out, id, sizeof(id));
    stir_buf_puts(out, "\",\"ppt\":\"");
    stir_buf_put(out, envelope.ptr, envelope.len); /* base64url and dots: nothing to escape */
    stir_buf_puts(out, "\"}");
}
