#include "cli/follow.hpp"

#include <utility>

#include "cli/past.hpp"

namespace baton::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 100ms;  // often enough for a person; reading costs a run of trivial tasks under 2 %
constexpr auto look_at_least = 1s;
constexpr auto owing_max = 5s;     // a final run waits so long for its jobs' release, which the next run would finish
constexpr auto trouble_told = 1s;  // what passes by sooner is nobody's business
constexpr auto trouble_max = 30s;

/// Does what was asked for since `heard`.
awaitable<void> obey(Session& session, Engine& engine, core::RunKey run, const Interrupts& interrupts, int& heard) {
  if (interrupts.count() == heard) co_return;
  heard = interrupts.count();
  const bool hard = heard > 1;
  session.terminal.talk(hard ? "killing the jobs\n" : "stopping: waiting for the jobs to end; once more kills them\n");
  const auto asked = co_await engine.cancel(run, hard);
  if (!asked) session.terminal.talk("could not ask for the end: " + printable(asked.error().what) + "\n");
}

/// How long its passes have failed, if they do; says so once.
core::Duration trouble_for(Session& session, const Engine& engine, std::optional<core::Duration>& told) {
  const auto& trouble = engine.trouble();
  if (!trouble) return core::Duration::zero();
  const auto lasts = session.house.runtime().steady() - trouble->since;
  if (lasts > trouble_told && told != trouble->since) {
    told = trouble->since;
    session.terminal.talk("trouble, tried again: " + printable(trouble->error.what) + " [" + trouble->error.code + "]\n");
  }
  return lasts;
}

/// The store is asked, as a run may just have been created: that one is followed, and cancelled.
awaitable<void> leave_unless_begun(Session& session, Store& store) {
  const auto run = co_await newest_run(store, session.places.project);
  if (!run || (*run && (*run)->open)) co_return;
  static_cast<void>(tell(
      session,
      {.code = "run.cancelled", .what = "it was stopped before its run began; nothing was started", .where = {}, .way_out = {}}));
  session.house.leave(static_cast<int>(ExitCode::cancelled));
}

}  // namespace

Interrupts::Interrupts(Session& session, Engine& engine) : session_(session), engine_(engine) {
  session_.house.on_interrupt([this] {
    ++count_;
    if (!following_ && count_ > 1) session_.house.leave(static_cast<int>(ExitCode::cancelled));
    if (!following_) {
      session_.terminal.talk("stopping\n");
      engine_.spawn(leave_unless_begun(session_, engine_.store()));
    }
    engine_.nudge();
  });
}

awaitable<Result<RunView>> follow(Session& session, Engine& engine, Store& store, core::RunKey run, Interrupts& interrupts,
                                  Progress& progress) {
  auto& runtime = session.house.runtime();
  auto known = Fence::none();
  std::optional<core::Duration> final_since, told;
  int heard = 0;
  interrupts.following(true);
  for (;;) {
    co_await obey(session, engine, run, interrupts, heard);
    const auto view = co_await store.run(run);
    if (!view) co_return fail(view.error());
    const auto tasks = co_await store.tasks(run, known);
    if (!tasks) co_return fail(tasks.error());
    known = Fence(view->fence.value() - 1);  // the pass of that fence may not have been written yet
    progress.show(*tasks, runtime.wall());

    const bool final = core::is_final(view->record.result);
    if (final && !final_since) final_since = runtime.steady();
    if (final && (!view->open || runtime.steady() - *final_since > owing_max)) co_return *view;
    if (view->record.held && heard == 0)
      co_return fail({.code = "run.held",
                      .what = "run " + std::to_string(run.iteration.value()) + " is held: its passes failed again and again",
                      .where = view->last_failure,
                      .way_out = "`baton cancel` stops what still runs of it"});
    if (trouble_for(session, engine, told) > trouble_max) co_return fail(engine.trouble()->error);
    co_await engine.wait(look_every, look_at_least);
  }
}

}  // namespace baton::cli
