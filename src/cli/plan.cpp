#include "cli/commands.hpp"
#include "core/explain.hpp"
#include "scheduling/start.hpp"
#include "wire/plans.hpp"

namespace baton::cli {
namespace {

std::string plan_text(const core::Project& project, const core::Plan& plan) {
  if (plan.nodes.empty()) return project.name + ": nothing to do: all that was asked for is up to date\n";
  Table table;
  for (Index i = 0; i < project.nodes.size(); ++i) {
    auto name = "  " + printable(project.nodes[i].id.value());
    for (const auto& reason : plan.reasons[i]) {
      table.add({name, std::string(core::to_text(reason.kind)), printable(core::to_text(reason))});
      name.clear();
    }
  }
  return project.name + ": " + std::to_string(plan.nodes.size()) + " of " + counted(project.nodes.size(), "task") +
         " would run\n" + table.text();
}

}  // namespace

awaitable<ExitCode> plan(Session& session) {
  const auto pipeline = load(session);
  if (!pipeline) co_return tell(session, pipeline.error());
  const auto store = session.house.read(session.places.state);
  if (!store) co_return tell(session, store.error());
  const Request request{.project = pipeline->project,
                        .user = UserId(1),
                        .id = session.places.project,
                        .selection = pipeline->selection,
                        .simulated = session.options.simulate.has_value()};
  const auto planned = co_await plan_request(**store, session.house.files(), request);
  if (!planned) co_return tell(session, planned.error());
  session.terminal.data(session.options.json ? wire::plan_json(pipeline->project, planned->plan)
                                             : plan_text(pipeline->project, planned->plan));
  co_return ExitCode::good;
}

}  // namespace baton::cli
