-- SPDX-License-Identifier: MIT
-- The nginx peer: a CPS as somebody would write it who has nginx, Lua and Redis at hand. One round trip to Redis a
-- request over a pool of kept-alive connections; nothing is looked at in what is stored.
local redis = require "nginx.redis"
local concat = table.concat

local _M = {}

local function connect()
    local red = redis:new()
    red:set_timeout(2000)
    if not red:connect(_M.socket) then
        return nil
    end
    return red
end

-- POST: the body goes into the destination's hash under an id of its own.
function _M.publish()
    local var = ngx.var
    local dest = var.dest
    ngx.req.read_body()
    local body = ngx.req.get_body_data()
    local red = body and connect()
    if not red then
        return ngx.exit(body and 503 or 400)
    end
    local key, id = "cps:" .. dest, var.request_id
    red:init_pipeline(2)
    red:hset(key, id, body)
    red:expire(key, var.arg_ttl or 60)
    local done = red:commit_pipeline()
    if not done then
        return ngx.exit(503)
    end
    red:set_keepalive(60000, 64)
    ngx.status = 201
    ngx.header["Location"] = "/cps/" .. dest .. "/ppts/" .. id
    ngx.header["Content-Length"] = 0
    ngx.send_headers()
end

-- GET: all of a destination as JSON. What is stored needs no escape: base64url and dots.
function _M.retrieve()
    local red = connect()
    if not red then
        return ngx.exit(503)
    end
    local all = red:hgetall("cps:" .. ngx.var.dest)
    if not all then
        return ngx.exit(503)
    end
    red:set_keepalive(60000, 64)
    local out, n = {'{"ppts":['}, 1
    for i = 1, #all, 2 do
        out[n + 1] = n == 1 and '{"id":"' or ',{"id":"'
        out[n + 2] = all[i]
        out[n + 3] = '","ppt":"'
        out[n + 4] = all[i + 1]
        out[n + 5] = '"}'
        n = n + 5
    end
    out[n + 1] = "]}"
    local text = concat(out)
    ngx.header["Content-Type"] = "application/json"
    ngx.header["Content-Length"] = #text
    ngx.print(text)
end

return _M
