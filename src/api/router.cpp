#include "api/router.hpp"

#include <array>
#include <optional>
#include <utility>

#include "api/answers.hpp"
#include "api/handlers.hpp"

namespace baton::api {
namespace {

using Names = std::map<std::string, std::string>;

std::string_view next_segment(std::string_view& pattern) {
  const auto end = pattern.find('/', 1);
  const auto segment = pattern.substr(1, end == std::string_view::npos ? end : end - 1);
  pattern = end == std::string_view::npos ? std::string_view() : pattern.substr(end);
  return segment;
}

bool take(std::string_view pattern, const std::string& segment, bool last, Names& names) {
  if (!pattern.starts_with('{')) return pattern == segment;
  const auto end = pattern.find('}');
  const auto verb = pattern.substr(end + 1);
  if (!segment.ends_with(verb) || segment.size() == verb.size()) return false;
  if (last && verb.empty() && segment.find(':') != std::string::npos) return false;
  names[std::string(pattern.substr(1, end - 1))] = segment.substr(0, segment.size() - verb.size());
  return true;
}

std::optional<Names> match(std::string_view pattern, const std::vector<std::string>& path) {
  Names names;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (pattern.empty() || !take(next_segment(pattern), path[i], i + 1 == path.size(), names)) return std::nullopt;
  }
  if (!pattern.empty()) return std::nullopt;
  return names;
}

constexpr std::array table{
    Route{"PUT", "/v2/projects/{project}", put_project},
    Route{"POST", "/v2/computations", start_computation},
    Route{"GET", "/v2/computations/{project}", get_computation},
    Route{"POST", "/v2/computations/{project}:stop", stop_computation},
    Route{"POST", "/v2/computations/{project}:plan", plan_computation},
    Route{"POST", "/v2/computations/{project}:why", explain_computation},
    Route{"GET", "/v2/computations/{project}/runs", list_runs},
    Route{"GET", "/v2/computations/{project}/tasks", list_tasks},
    Route{"GET", "/v2/computations/{project}/attempts", list_attempts},
    Route{"GET", "/v2/computations/{project}/nodes", list_nodes},
    Route{"GET", "/v2/computations/{project}/tasks/{node}/log", read_log},
    Route{"GET", "/v2/computations/{project}/events", follow_events},
    Route{"GET", "/v2/quarantine", list_quarantine},
    Route{"POST", "/v2/quarantine/{run}:release", release_from_quarantine},
    Route{"GET", "/healthz", is_healthy},
    Route{"GET", "/readyz", is_ready},
    Route{"GET", "/metrics", show_metrics},
};

Answer no_route(const Call& call, std::string allowed) {
  std::string path;
  for (const auto& segment : call.path) path += "/" + segment;
  if (allowed.empty())
    return error_answer(404, {.code = "api.no_route", .what = "there is nothing at this path", .where = path, .way_out = {}});
  auto refused = error_answer(
      405, {.code = "api.method", .what = "this path knows no " + call.method, .where = path, .way_out = "it knows: " + allowed});
  refused.headers.emplace_back("Allow", std::move(allowed));
  return refused;
}

}  // namespace

std::span<const Route> routes() { return table; }

const Route* find_route(std::span<const Route> routes, Call& call, std::string& allowed) {
  for (const auto& route : routes) {
    auto names = match(route.pattern, call.path);
    if (!names) continue;
    if (route.method == call.method) {
      call.names = std::move(*names);
      return &route;
    }
    if (!allowed.empty()) allowed += ", ";
    allowed += route.method;
  }
  return nullptr;
}

awaitable<Answer> answer(Place& place, Call call) {
  std::string allowed;
  const auto* route = find_route(routes(), call, allowed);
  if (route == nullptr) co_return no_route(call, std::move(allowed));
  if (call.path.front() == "v2" && place.health().stopping)
    co_return error_answer({.code = "api.stopping", .what = "the server is stopping", .where = {}, .way_out = "ask again"});
  auto answered = co_await route->handle(place, std::move(call));
  if (!answered) co_return error_answer(answered.error());
  co_return std::move(*answered);
}

}  // namespace baton::api
