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
constexpr auto nameless_max = 1s;  // who has just taken the directory says its name within microseconds

bool is_unfinished(const std::optional<RunView>& run) { return run && !core::is_final(run->record.result); }

/// @param told  somebody at work was told to stop
std::string outcome_text(const Session& session, const std::optional<RunView>& run, bool told) {
  const auto name = printable_name(session.places.name);
  if (!run) return name + (told ? ": stopped before its run began\n" : ": nothing to cancel\n");
  return name + ": run " + std::to_string(run->key.iteration.value()) + " ended " +
         std::string(core::to_text(run->record.result)) + "\n";
}

ExitCode finish(Session& session, const std::optional<RunView>& run, bool told = false) {
  session.terminal.talk(outcome_text(session, run, told));
  if (session.options.json) session.terminal.data(cancel_json(run));
  return ExitCode::good;
}

awaitable<Result<std::optional<RunView>>> newest_here(Session& session) {
  const auto store = session.house.read(session.places.state);
  if (!store) co_return fail(store.error());
  auto run = co_await newest_run(**store, session.places.project);
  co_return run;
}

/// Who is at work in the state directory, if anybody is.
awaitable<std::optional<Holder>> named_holder(Session& session) {
  auto& runtime = session.house.runtime();
  const auto end = runtime.steady() + nameless_max;
  for (;;) {
    auto holder = session.house.holder(session.places.state);
    if (!holder || holder->pid != 0 || runtime.steady() > end) co_return holder;
    co_await runtime.sleep(look_every);
  }
}

/// A `baton run` is at work, or about to begin: it is told to stop, as by Ctrl-C, and waited for.
awaitable<Result<void>> stop_holder(Session& session, Holder holder) {
  if (holder.pid == 0 || holder.project != session.places.project.value())
    co_return fail({.code = "state.held",
                    .what = "the state directory is held by " + told(holder) + ": what it runs was not touched",
                    .where = session.places.state,
                    .way_out = "cancel that one, or wait for it"});
  if (!session.house.interrupt(holder) && session.house.holder(session.places.state))
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
  co_return Result<void>{};
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
  const auto before = co_await newest_here(session);
  if (!before) co_return tell(session, before.error());
  const auto holder = co_await named_holder(session);
  auto run = before;
  if (holder) {
    const auto stopped = co_await stop_holder(session, *holder);
    if (!stopped) co_return tell(session, stopped.error());
    run = co_await newest_here(session);
    if (!run) co_return tell(session, run.error());
  }
  if (!is_unfinished(*run)) {  // nothing is made for nothing
    const bool this_one = holder && *run && (is_unfinished(*before) || !*before || (*before)->key != (*run)->key);
    co_return finish(session, this_one ? *run : std::nullopt, holder.has_value());
  }
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
