#include <algorithm>

#include "cli/commands.hpp"
#include "cli/remote.hpp"
#include "core/explain.hpp"
#include "scheduling/start.hpp"
#include "wire/plans.hpp"
#include "wire/read_plans.hpp"

namespace baton::cli {
namespace {

using wire::PlannedTask;

std::string plan_text(const std::string& name, const std::vector<PlannedTask>& tasks) {
  const auto shown = printable_name(name);
  const auto to_run = std::ranges::count_if(tasks, [](const PlannedTask& task) { return !task.reasons.empty(); });
  if (to_run == 0) return shown + ": nothing to do: all that was asked for is up to date\n";
  Table table;
  for (const auto& task : tasks) {
    auto node = "  " + printable(task.node.value());
    for (const auto& reason : task.reasons) {
      table.add({node, std::string(core::to_text(reason.kind)), printable(core::to_text(reason))});
      node.clear();
    }
  }
  return shown + ": " + std::to_string(to_run) + " of " + counted(tasks.size(), "task") + " would run\n" + table.text();
}

std::vector<PlannedTask> tasks_of(const core::Project& project, const core::Plan& plan) {
  std::vector<PlannedTask> tasks;
  for (Index i = 0; i < project.nodes.size(); ++i) tasks.push_back({.node = project.nodes[i].id, .reasons = plan.reasons[i]});
  return tasks;
}

awaitable<ExitCode> plan_at_server(Session& session, const Pipeline& pipeline) {
  const auto put = co_await put_project(session, pipeline);
  if (!put) co_return tell(session, put.error());
  auto request = wanted(session);
  const auto json = co_await session.server->plan(std::move(request));
  if (!json) co_return tell(session, as_typed(session, json.error()));
  const auto tasks = wire::plan_from(*json);
  if (!tasks) co_return tell(session, not_understood(tasks.error()));
  session.terminal.data(session.options.json ? *json : plan_text(pipeline.project.name, *tasks));
  co_return ExitCode::good;
}

}  // namespace

awaitable<ExitCode> plan(Session& session) {
  const auto pipeline = load(session);
  if (!pipeline) co_return tell(session, pipeline.error());
  if (session.server) {
    const auto code = co_await plan_at_server(session, *pipeline);
    co_return code;
  }
  const auto store = session.house.read(session.places.state);
  if (!store) co_return tell(session, store.error());
  const Request request{.project = pipeline->project,
                        .user = UserId(1),
                        .id = session.places.project,
                        .selection = pipeline->selection,
                        .simulated = session.options.simulate.has_value(),
                        .out = session.places.out};
  const auto planned = co_await plan_request(**store, files_of(session), request);
  if (!planned) co_return tell(session, planned.error());
  session.terminal.data(session.options.json ? wire::plan_json(pipeline->project, planned->plan)
                                             : plan_text(pipeline->project.name, tasks_of(pipeline->project, planned->plan)));
  co_return ExitCode::good;
}

}  // namespace baton::cli
