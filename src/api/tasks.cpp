#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "api/answers.hpp"
#include "api/body.hpp"
#include "api/find_run.hpp"
#include "api/handlers.hpp"
#include "wire/views.hpp"

namespace baton::api {
namespace {

constexpr std::int64_t runs_usual = 20, runs_max = 1000;

}  // namespace

awaitable<Result<Answer>> list_runs(Place& place, Call call) {
  const auto about = about_of(call);
  if (!about) co_return fail(about.error());
  const auto max = number_of(call, "max", 1, runs_max);
  if (!max) co_return fail(max.error());
  const auto newest = co_await find_run(place, *about);  // whether there is such a project
  if (!newest) co_return fail(newest.error());
  const auto runs = co_await place.store.runs(about->project, static_cast<std::size_t>(max->value_or(runs_usual)));
  if (!runs) co_return fail(runs.error());
  auto list = nlohmann::json::array();
  for (const auto& run : *runs)
    if (run.key.user == about->user) list.push_back(wire::json_of(run));
  co_return json_answer(200, {{"runs", std::move(list)}});
}

awaitable<Result<Answer>> list_tasks(Place& place, Call call) {
  const auto about = about_of(call);
  if (!about) co_return fail(about.error());
  const auto since = number_of(call, "since", -1, std::numeric_limits<std::int64_t>::max());
  if (!since) co_return fail(since.error());
  const auto run = co_await need_run(place, *about);  // before its tasks: what they show is never older than its fence
  if (!run) co_return fail(run.error());
  const auto tasks = co_await place.store.tasks(run->key, *since ? Fence(**since) : Fence::none());
  if (!tasks) co_return fail(tasks.error());
  auto list = nlohmann::json::array();
  for (const auto& task : *tasks) list.push_back(wire::json_of(task));
  co_return json_answer(200, {{"fence", run->fence.value()}, {"run", wire::json_of(*run)}, {"tasks", std::move(list)}});
}

awaitable<Result<Answer>> list_attempts(Place& place, Call call) {
  const auto about = about_of(call);
  if (!about) co_return fail(about.error());
  const auto run = co_await need_run(place, *about);
  if (!run) co_return fail(run.error());
  std::optional<NodeId> node;
  if (const auto named = call.query.find("node"); named != call.query.end()) node = NodeId(named->second);
  const auto definition = co_await place.store.definition(run->key);
  if (!definition && definition.error().code == "store.foreign")
    co_return json_answer(200, {{"attempts", nlohmann::json::array()}});
  if (!definition) co_return fail(definition.error());
  const auto attempts = co_await place.store.attempts(run->key, node);
  if (!attempts) co_return fail(attempts.error());
  auto list = nlohmann::json::array();
  for (const auto& attempt : *attempts) list.push_back(wire::json_of(attempt, (*definition)->tasks.at(attempt.task).node.id));
  co_return json_answer(200, {{"attempts", std::move(list)}});
}

awaitable<Result<Answer>> list_nodes(Place& place, Call call) {
  const auto about = about_of(call);
  if (!about) co_return fail(about.error());
  const auto newest = co_await find_run(place, *about);
  if (!newest) co_return fail(newest.error());
  const auto nodes = co_await place.store.nodes(about->project);
  if (!nodes) co_return fail(nodes.error());
  auto list = nlohmann::json::array();
  for (const auto& node : *nodes) list.push_back(wire::json_of(node));
  co_return json_answer(200, {{"nodes", std::move(list)}});
}

}  // namespace baton::api
