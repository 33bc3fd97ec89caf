-- One request, again and again: the body in the file $CHAT_BODY with the headers in $CHAT_HEADERS,
-- one a line. wrk makes it once, since `request` is not redefined here. At the end one JSON object
-- goes to stdout.
wrk.method = "POST"
wrk.body = io.open(os.getenv("CHAT_BODY"), "rb"):read("*a")
for name, value in os.getenv("CHAT_HEADERS"):gmatch("([^:\n]+): ([^\n]*)") do
  wrk.headers[name] = value
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\nJSON {"requests":%d,"duration_us":%d,"bytes":%d,"p50_us":%d,"p99_us":%d,"errors":%d,"refused":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50),
    latency:percentile(99), e.connect + e.read + e.write + e.timeout, e.status))
end
