#include <utility>

#include "cli/commands.hpp"
#include "cli/engine.hpp"
#include "cli/follow.hpp"
#include "cli/follow_server.hpp"
#include "cli/json.hpp"
#include "cli/past.hpp"
#include "cli/work.hpp"

namespace baton::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 50ms;

bool is_unfinished(const std::optional<RunView>& run) { return run && !core::is_final(run->record.result); }

std::string outcome_text(const Session& session, const std::optional<RunView>& run) {
  const auto name = printable_name(session.places.name);
  if (!run) return name + ": nothing to cancel\n";
  return name + ": run " + std::to_string(run->key.iteration.value()) + " ended " +
         std::string(core::to_text(run->record.result)) + "\n";
}

ExitCode finish(Session& session, const std::optional<RunView>& run) {
  session.terminal.talk(outcome_text(session, run));
  if (session.options.json) session.terminal.data(cancel_json(run));
  return ExitCode::good;
}

/// The newest run as it stands, if it is this one.
awaitable<Result<std::optional<RunView>>> unfinished_run(Session& session) {
  const auto store = session.house.read(session.places.state);
  if (!store) co_return fail(store.error());
  auto run = co_await newest_run(**store, session.places.project);
  if (!run) co_return fail(run.error());
  if (!is_unfinished(*run)) run->reset();
  co_return std::move(*run);
}

/// A `baton run` is at work: it is told to stop, as by Ctrl-C, and waited for.
awaitable<Result<std::optional<RunView>>> through_holder(Session& session, Holder holder, std::optional<RunView> run) {
  if (holder.project != session.places.project.value())
    co_return fail({.code = "state.held",
                    .what = "the state directory is held by " + told(holder) + ": what it runs was not touched",
                    .where = session.places.state,
                    .way_out = "cancel that one, or wait for it"});
  if (!session.house.interrupt(holder))
    co_return fail({.code = "state.held",
                    .what = told(holder) + ", cannot be told to stop: it is another user's",
                    .where = session.places.state,
                    .way_out = {}});
  session.terminal.talk("told " + told(holder) + ", to stop; waiting for it\n");
  for (;;) {
    const auto now = session.house.holder(session.places.state);
    if (!now || (now->pid != 0 && now->pid != holder.pid)) break;
    co_await session.house.runtime().sleep(look_every);
  }
  const auto store = session.house.read(session.places.state);
  if (!store) co_return fail(store.error());
  if (!run) co_return std::optional<RunView>{};
  auto ended = co_await (*store)->run(run->key);
  if (!ended) co_return fail(ended.error());
  co_return std::optional(std::move(*ended));
}

awaitable<ExitCode> by_ourselves(Session& session, Workplace& place, core::RunKey run) {
  Engine engine(session.house, place, session.places.project);
  Interrupts interrupts(session, engine);
  const auto begun = co_await engine.start();
  if (!begun) co_return tell(session, begun.error());
  auto code = ExitCode::good;
  const auto asked = co_await engine.cancel(run, false);
  if (asked) {
    Progress progress(session.terminal);
    const auto ended = co_await follow(session, engine, place.store(), run, interrupts, progress);
    code = ended ? finish(session, *ended) : tell(session, ended.error());
  } else {
    code = tell(session, asked.error());
  }
  co_await engine.stop();
  co_return code;
}

}  // namespace

awaitable<ExitCode> cancel(Session& session) {
  auto run = co_await unfinished_run(session);
  if (!run) co_return tell(session, run.error());
  const auto holder = session.house.holder(session.places.state);
  if (holder && holder->pid != 0) {
    auto ended = co_await through_holder(session, *holder, std::move(*run));
    if (!ended) co_return tell(session, ended.error());
    co_return finish(session, *ended);
  }
  if (!*run) co_return finish(session, std::nullopt);  // nothing is made for nothing
  auto place = take_workplace(session);
  if (!place) co_return tell(session, place.error());
  const auto code = co_await by_ourselves(session, **place, (*run)->key);
  co_return code;
}

awaitable<ExitCode> cancel_at_server(Session& session) {
  const auto run = co_await newest_run(*session.server, session.places.project);
  if (!run) co_return tell(session, run.error());
  if (!is_unfinished(*run)) co_return finish(session, std::nullopt);
  RemoteInterrupts interrupts(session);
  const auto asked = co_await session.server->stop((*run)->key, false);
  if (!asked) co_return tell(session, asked.error());
  Progress progress(session.terminal);
  const auto followed = co_await follow_at_server(session, **run, false, interrupts, progress);
  if (!followed) co_return tell(session, followed.error());
  if (followed->detached) {
    session.terminal.talk("its end was asked for, and not waited for\n");
    if (session.options.json) session.terminal.data(cancel_json(followed->run));
    co_return ExitCode::detached;
  }
  co_return finish(session, followed->run);
}

}  // namespace baton::cli
