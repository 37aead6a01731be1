-- What wrk sends, and what it tells the driver at the end. All settings are environment variables:
--   BENCH_METHOD, BENCH_PATH, BENCH_BODY   <employee> and <project> in them become random keys
--   BENCH_EMPLOYEES, BENCH_PROJECTS        how many there are
--   BENCH_KEYS                             these keys of employees instead, like 5,17,42
--   BENCH_SEED                             the same seed draws the same keys

local method = os.getenv("BENCH_METHOD")
local path = os.getenv("BENCH_PATH")
local body = os.getenv("BENCH_BODY")
local employees = tonumber(os.getenv("BENCH_EMPLOYEES"))
local projects = tonumber(os.getenv("BENCH_PROJECTS"))
local headers = { ["content-type"] = "application/json" }

local keys = {}
for key in string.gmatch(os.getenv("BENCH_KEYS") or "", "%d+") do
  keys[#keys + 1] = key
end

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
  thread:set("seed", tonumber(os.getenv("BENCH_SEED")) * 1000 + #threads)
end

local function draw(name)
  if name == "project" then
    return tostring(math.random(projects))
  elseif #keys > 0 then
    return keys[math.random(#keys)]
  end
  return tostring(math.random(employees))
end

local function filled(template)
  return template and (string.gsub(template, "<(%a+)>", draw))
end

local same

function init()
  wrong = 0
  math.randomseed(seed)
  if not string.find(path .. (body or ""), "<%a+>") then
    same = wrk.format(method, path, headers, body)
  end
end

function request()
  return same or wrk.format(method, filled(path), headers, filled(body))
end

-- An error of GraphQL comes with status 200: after the data, which begins with null when there is
-- none.
function response(status, headers, answer)
  if string.find(string.sub(answer, 1, 60), ":null}", 1, true)
    or string.find(answer, '"errors":', math.max(1, #answer - 2000), true) then
    wrong = wrong + 1
  end
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  for _, thread in ipairs(threads) do
    failed = failed + thread:get("wrong")
  end
  io.write(string.format("bench: %d %d %d %d %d %d\n", summary.requests, summary.duration, failed,
    latency:percentile(50), latency:percentile(99), summary.bytes))
end
