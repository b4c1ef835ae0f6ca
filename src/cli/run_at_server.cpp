// `baton run --server`: the work is done there, and goes on when this command is gone.
#include <algorithm>
#include <utility>

#include "cli/commands.hpp"
#include "cli/follow_server.hpp"
#include "cli/json.hpp"
#include "cli/outcome.hpp"
#include "cli/remote.hpp"

namespace baton::cli {
namespace {

std::string beginning(const std::string& name, const Server::Begun& begun, bool fresh, std::size_t nodes) {
  if (!begun.run)
    return name + ": nothing to do: " + (nodes == 1 ? "its task is" : "all that was asked for is") + " up to date\n";
  if (!fresh) return name + ": " + number_of(begun.run->key) + " asks for the same and is not finished: joined\n";
  return name + ": " + std::to_string(begun.to_run) + " of " + counted(nodes, "task") + " to run (" + number_of(begun.run->key) +
         ")\n";
}

/// Puts the project there and starts it; the same request, sent again, is the same run.
awaitable<Result<Server::Begun>> start(Session& session, const Pipeline& pipeline, std::string collection) {
  const auto put = co_await put_project(session, pipeline);
  if (!put) co_return fail(put.error());
  auto request = wanted(session);
  request.collection = std::move(collection);
  auto begun = co_await session.server->start(std::move(request));
  if (!begun) co_return fail(as_typed(session, begun.error()));
  co_return begun;
}

ExitCode detach(Session& session, const core::Project& project, const Followed& followed) {
  session.terminal.talk(detached_text(session, followed.run));
  if (session.options.json) {
    std::vector<NodeId> order;
    for (const auto& node : project.nodes) order.push_back(node.id);
    std::vector<TaskView> tasks;
    for (const auto& [node, task] : followed.tasks) tasks.push_back(task);
    session.terminal.data(run_json(followed.run, reports_of(order, tasks, {}, session.options.simulate.has_value())));
  }
  return ExitCode::detached;
}

}  // namespace

awaitable<ExitCode> run_at_server(Session& session) {
  const auto pipeline = load(session);
  if (!pipeline) co_return tell(session, pipeline.error());
  RemoteInterrupts interrupts(session);
  const auto collection = session.house.runtime().uuid();
  const auto begun = co_await start(session, *pipeline, collection);
  if (!begun) co_return tell(session, begun.error());
  const auto name = printable_name(pipeline->project.name);
  const bool fresh = begun->run && begun->run->collection == collection;
  session.terminal.talk(beginning(name, *begun, fresh, pipeline->project.nodes.size()));
  auto code = interrupts.count() > 0 ? ExitCode::cancelled : ExitCode::good;
  std::optional<RunView> run;
  if (begun->run) {
    Progress progress(session.terminal);
    auto followed = co_await follow_at_server(session, *begun->run, fresh, interrupts, progress);
    if (!followed) co_return tell(session, followed.error());
    if (followed->detached) co_return detach(session, pipeline->project, *followed);
    session.terminal.talk(ending(session, name, followed->run, progress));
    code = code_of(followed->run, interrupts.count() > 0);
    run = std::move(followed->run);
  }
  if (session.options.json) {
    const auto printed = co_await print_run_json(session, *session.server, pipeline->project, std::move(run));
    if (!printed) co_return tell(session, printed.error());
  }
  co_return code;
}

}  // namespace baton::cli
