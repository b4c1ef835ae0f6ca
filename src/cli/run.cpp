#include <utility>

#include "cli/commands.hpp"
#include "cli/engine.hpp"
#include "cli/follow.hpp"
#include "cli/outcome.hpp"
#include "cli/work.hpp"
#include "scheduling/start.hpp"

namespace baton::cli {
namespace {

Request request_of(const Session& session, const Pipeline& pipeline) {
  return {.project = pipeline.project,
          .user = UserId(1),
          .id = session.places.project,
          .selection = pipeline.selection,
          .keep_going = session.options.keep_going,
          .simulated = session.options.simulate.has_value(),
          .out = session.places.out};
}

std::string beginning(const std::string& name, const Started& started, std::size_t nodes) {
  std::string text;
  if (started.cancelled)
    text +=
        name + ": " + number_of(*started.cancelled) + " was interrupted, and asked for something else: it was cancelled first\n";
  if (!started.run)
    return text + name + ": nothing to do: " + (nodes == 1 ? "its task is" : "all that was asked for is") + " up to date\n";
  if (started.resumed) return text + name + ": " + number_of(*started.run) + " was interrupted, and goes on\n";
  return text + name + ": " + std::to_string(started.planned.plan.nodes.size()) + " of " + counted(nodes, "task") + " to run (" +
         number_of(*started.run) + ")\n";
}

/// From the start of the run to its end; the engine is serving.
awaitable<ExitCode> run_served(Session& session, const Pipeline& pipeline, Workplace& place, Engine& engine,
                               Interrupts& interrupts, bool& bad_input) {
  auto& store = place.store();
  const auto name = printable_name(pipeline.project.name);
  auto request = request_of(session, pipeline);
  Host host{.capacity = place.capacity()};
  auto started = co_await start_run(session.house.runtime(), store, files_of(session), engine.wakeups(), std::move(request),
                                    std::move(host));
  if (!started) {
    bad_input = started.error().code.starts_with("input.");
    co_return tell(session, started.error());
  }
  session.terminal.talk(beginning(name, *started, pipeline.project.nodes.size()));
  auto code = interrupts.count() > 0 ? ExitCode::cancelled : ExitCode::good;
  std::optional<RunView> run;
  if (started->run) {
    Progress progress(session.terminal);
    auto ended = co_await follow(session, engine, store, *started->run, interrupts, progress);
    if (!ended) co_return tell(session, ended.error());
    session.terminal.talk(ending(session, name, *ended, progress));
    code = code_of(*ended, interrupts.count() > 0);
    run = std::move(*ended);
  }
  if (session.options.json) {
    const auto printed = co_await print_run_json(session, store, pipeline.project, std::move(run));
    if (!printed) co_return tell(session, printed.error());
  }
  co_return code;
}

}  // namespace

awaitable<ExitCode> run(Session& session) {
  const auto pipeline = load(session);
  if (!pipeline) co_return tell(session, pipeline.error());
  auto place = take_workplace(session);
  if (!place) co_return tell(session, place.error());
  bool bad_input = false;
  auto code = ExitCode::good;
  {
    Engine engine(session.house, **place, session.places.project);
    Interrupts interrupts(session, engine);
    const auto begun = co_await engine.start();
    if (!begun) co_return tell(session, begun.error());
    code = co_await run_served(session, *pipeline, **place, engine, interrupts, bad_input);
    co_await engine.stop();
  }
  if (bad_input) (*place)->discard();
  co_return code;
}

}  // namespace baton::cli
