-- SPDX-License-Identifier: MIT
-- Functions for haproxy.cfg that HAProxy lacks: the field Client-Cert-Chain, and the length of a body if the client did not
-- send it.

-- Client-Cert-Chain (RFC 9440 section 2.3): HAProxy provides the chain as a sequence of certificates in DER; the field is a
-- list of byte sequences (RFC 8941 section 3.3.5), one per certificate. The certificates are passed in hexadecimal,
-- because HAProxy passes strings only up to their first NUL.
local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(octets)
    local out = {}
    for i = 1, #octets, 3 do
        local a, b, c = octets:byte(i, i + 2)
        local n = a << 16 | (b or 0) << 8 | (c or 0)
        for shift = 18, 0, -6 do
            local at = (n >> shift & 63) + 1
            out[#out + 1] = alphabet:sub(at, at)
        end
        if not b then
            out[#out - 1] = "="
        end
        if not c then
            out[#out] = "="
        end
    end
    return table.concat(out)
end

-- Returns the end of the element that starts at `from` (X.690 section 8.1.3); nil if the element is not complete.
local function element_end(octets, from)
    local first = octets:byte(from + 1)
    if not first then
        return nil
    end
    local length, content = first, from + 2
    if first >= 128 then
        length = 0
        content = from + 2 + (first & 127)
        for i = from + 2, content - 1 do
            length = length << 8 | (octets:byte(i) or 0)
        end
    end
    local last = content + length - 1
    return last <= #octets and last or nil
end

-- A truncated certificate becomes an item that is not a certificate, which cpsd refuses.
core.register_converters("byte_sequences", function(hex)
    local octets = hex:gsub("%x%x", function(digits)
        return string.char(tonumber(digits, 16))
    end)
    local items, from = {}, 1
    while from <= #octets do
        local last = element_end(octets, from) or #octets
        items[#items + 1] = ":" .. base64(octets:sub(from, last)) .. ":"
        from = last + 1
    end
    return table.concat(items, ", ")
end)

-- HAProxy 2.9 and later take the length of a body from a filter only, not from "set-header Content-Length". haproxy.cfg
-- waits for the whole body and sets txn.body_length. HAProxy calls http_headers after that, before it forwards the request.
local body_length = {id = "length of a body", flags = filter.FLT_CFG_FL_HTX}
body_length.__index = body_length

function body_length:new()
    return setmetatable({}, body_length)
end

function body_length:http_headers(txn, message)
    local length = txn:get_var("txn.body_length")
    if length and not message.channel:is_resp() then
        message:set_body_len(length)
    end
    return filter.CONTINUE
end

core.register_filter("body_length", body_length, function(made)
    return made
end)
