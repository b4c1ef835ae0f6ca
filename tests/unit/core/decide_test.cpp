#include "core/decide.hpp"

#include <gtest/gtest.h>

#include "support/rows.hpp"

namespace baton::core {
namespace {

using namespace std::chrono_literals;
using test::done;
using test::erred;
using test::Rows;
using test::run_of;
using test::seen;

constexpr Instant noon{std::chrono::hours(12)};

/// A run, its rows, and passes over it.
struct Scene {
  explicit Scene(std::shared_ptr<RunDefinition> of) : definition(std::move(of)), rows(definition) {}
  Decision pass(std::vector<Observation> news = {}, Instant now = noon) {
    Run run;
    run.apply(rows.begin(Fence::none(), now));
    auto decision = decide(run, news, policy, now);
    rows.commit(decision);
    return decision;
  }
  State state(Index i) const { return rows.task(i).state; }
  const TaskRecord& task(Index i) const { return rows.task(i); }

  std::shared_ptr<RunDefinition> definition;
  Rows rows;
  Policy policy;
};
std::vector<std::string> nodes_of(const std::vector<Job>& jobs) {
  std::vector<std::string> names;
  for (const auto& job : jobs) names.push_back(job.node.value());
  return names;
}
using Names = std::vector<std::string>;

TEST(Decide, starts_what_has_no_predecessor_with_an_id_and_a_next_event) {
  Scene scene(run_of({{}, {0}, {}}));
  const auto decision = scene.pass();
  EXPECT_EQ(nodes_of(decision.submit), (Names{"t0", "t2"}));
  EXPECT_EQ(scene.state(0), State::pending);
  EXPECT_EQ(scene.state(1), State::published);
  EXPECT_EQ(scene.task(0).job->value(), decision.submit[0].id.value());
  EXPECT_EQ(scene.task(0).attempt, 1);
  EXPECT_EQ(decision.wake_at, noon + 5s);  // R16: handed over, not yet seen
  EXPECT_EQ(decision.result, State::pending);
}

TEST(Decide, keeps_within_its_room) {
  Scene scene(run_of({{}, {}, {}, {}}));
  scene.policy.room = 2;
  EXPECT_EQ(nodes_of(scene.pass().submit), (Names{"t0", "t1"}));
  scene.policy.room = 0;
  const auto next = scene.pass({seen(scene.task(0), Seen::running), seen(scene.task(1), Seen::queued)});
  EXPECT_EQ(nodes_of(next.submit), (Names{"t2"}));  // one that began has left the room
}

TEST(Decide, says_since_when_it_is_in_the_line_for_room) {
  Scene scene(run_of({{}, {}, {}, {}}));
  scene.policy.room = 2;
  EXPECT_EQ(scene.pass().no_room_since, noon);
  scene.policy.room = 0;
  const auto still = scene.pass({seen(scene.task(0), Seen::queued)}, noon + 1s);
  EXPECT_EQ(still.no_room_since, noon);
  const auto next = scene.pass({seen(scene.task(0), Seen::running)}, noon + 2s);
  EXPECT_EQ(nodes_of(next.submit), (Names{"t2"}));
  EXPECT_EQ(next.no_room_since, noon + 2s);  // it has had some: at the end of the line
  const auto last = scene.pass({seen(scene.task(1), Seen::running)}, noon + 3s);
  EXPECT_EQ(nodes_of(last.submit), (Names{"t3"}));
  EXPECT_EQ(last.no_room_since, std::nullopt);
}

TEST(Decide, a_run_that_has_nothing_in_a_full_backend_has_a_next_event_all_the_same) {
  Scene scene(run_of({{}}));
  scene.policy.room = 0;
  EXPECT_EQ(scene.pass().wake_at, noon + scene.policy.no_room_max);
}

TEST(Decide, who_yields_hands_nothing_over_not_even_into_its_own_room) {
  Scene scene(run_of({{}, {}, {0}}));
  scene.policy.room = 1;
  EXPECT_EQ(nodes_of(scene.pass().submit), (Names{"t0"}));
  scene.policy.yields = true;
  const auto yielded = scene.pass({done(scene.task(0), "1")}, noon + 1s);
  EXPECT_TRUE(yielded.submit.empty());
  EXPECT_EQ(yielded.no_room_since, noon);
  scene.policy = {};
  EXPECT_EQ(nodes_of(scene.pass().submit), (Names{"t1", "t2"}));
}

TEST(Decide, what_nobody_can_run_fails_before_anything_is_begun_in_vain) {
  const auto with_unknown = [](bool keep_going) {
    auto definition = run_of({{}, {0}, {1}, {}});
    auto unknown = std::make_shared<Step>(*definition->tasks[1].node.step);
    unknown->command.words.clear();
    unknown->image = "simcore/services/comp/sleeper:2.2.1";
    definition->tasks[1].node.step = unknown;
    definition->keep_going = keep_going;
    return definition;
  };
  Scene drains(with_unknown(false));
  const auto decision = drains.pass();
  EXPECT_TRUE(decision.submit.empty());
  EXPECT_EQ(drains.state(1), State::failed);
  ASSERT_EQ(drains.task(1).errors.size(), 1u);
  EXPECT_EQ(drains.task(1).errors[0].code, "node.not_runnable");
  EXPECT_NE(drains.task(1).errors[0].what.find("sleeper:2.2.1"), std::string::npos);
  for (const Index i : {0U, 2U, 3U}) EXPECT_EQ(drains.state(i), State::aborted);
  EXPECT_EQ(decision.result, State::failed);
  EXPECT_TRUE(decision.ended);

  Scene cancelled(with_unknown(true));
  cancelled.rows.desire(Desire::cancel, noon);
  EXPECT_EQ(cancelled.pass().result, State::aborted);

  Scene goes_on(with_unknown(true));
  EXPECT_EQ(nodes_of(goes_on.pass().submit), (Names{"t0", "t3"}));
  EXPECT_EQ(goes_on.state(1), State::failed);
  EXPECT_EQ(goes_on.state(2), State::aborted);
}

TEST(Decide, hands_the_successor_over_in_the_pass_that_records_success) {
  Scene scene(run_of({{}, {0}}));
  scene.pass();
  const auto decision = scene.pass({done(scene.task(0), "42")});
  EXPECT_EQ(scene.state(0), State::success);
  EXPECT_EQ(std::get<Value>(scene.task(0).success->products[0].content).json, "42");
  ASSERT_EQ(nodes_of(decision.submit), (Names{"t1"}));
  EXPECT_EQ(std::get<Value>(decision.submit[0].inputs[0].items[0]).json, "42");
  EXPECT_EQ(decision.release, (std::vector<JobId>{*scene.task(0).job}));
}

TEST(Decide, success_needs_its_outputs) {
  Scene scene(run_of({{}}));
  scene.pass();
  auto bare = std::make_shared<JobEnd>();
  const auto decision = scene.pass({{.job = *scene.task(0).job, .seen = Seen::done, .end = bare}});
  EXPECT_EQ(scene.state(0), State::failed);
  EXPECT_EQ(scene.task(0).errors.at(0).code, "runtime.output_missing");
  EXPECT_EQ(decision.result, State::failed);
}

TEST(Decide, a_stopped_submit_is_repeated_under_the_same_id) {
  Scene scene(run_of({{}}));
  const auto first = scene.pass();
  const auto again = scene.pass({seen(scene.task(0), Seen::unknown)}, noon + 5s);
  ASSERT_EQ(again.submit.size(), 1u);
  EXPECT_EQ(again.submit[0].id, first.submit[0].id);
  EXPECT_TRUE(again.attempts.empty());
}

TEST(Decide, a_silent_backend_changes_nothing_and_is_asked_again_ever_later) {
  Scene scene(run_of({{}}));
  scene.pass();
  scene.pass({seen(scene.task(0), Seen::running)}, noon + 1s);
  const auto soon = scene.pass({seen(scene.task(0), Seen::silent)}, noon + 2s);
  EXPECT_EQ(scene.state(0), State::started);
  EXPECT_EQ(soon.wake_at, noon + 7s);
  const auto later = scene.pass({seen(scene.task(0), Seen::silent)}, noon + 31s);
  EXPECT_EQ(later.wake_at, noon + 61s);
  const auto much_later = scene.pass({seen(scene.task(0), Seen::silent)}, noon + 1h);
  EXPECT_EQ(much_later.wake_at, noon + 1h + 60s);
  EXPECT_EQ(scene.task(0).state_since, noon + 1s);  // R5: never touched by a pass
}

TEST(Decide, a_started_job_that_is_forgotten_is_barred_first_and_lost_with_proof) {
  Scene scene(run_of({{}}));
  scene.pass();
  scene.pass({seen(scene.task(0), Seen::running)});
  const auto first_job = *scene.task(0).job;
  EXPECT_EQ(scene.pass({seen(scene.task(0), Seen::unknown)}).bar, (std::vector<JobId>{first_job}));
  EXPECT_EQ(scene.state(0), State::started);
  EXPECT_TRUE(scene.pass({seen(scene.task(0), Seen::begun)}).submit.empty());
  EXPECT_EQ(scene.state(0), State::started);
  const auto lost = scene.pass({seen(scene.task(0), Seen::dead)});
  EXPECT_EQ(scene.state(0), State::pending);
  EXPECT_EQ(scene.task(0).attempt, 2);
  EXPECT_EQ(scene.task(0).lost, 1);
  ASSERT_EQ(lost.submit.size(), 1u);
  EXPECT_NE(lost.submit[0].id, first_job);
  ASSERT_EQ(lost.attempts.size(), 2u);
  EXPECT_EQ(lost.attempts[0].outcome, Outcome::lost);
  EXPECT_EQ(lost.attempts[1].why, "lost: its worker is gone");
}

TEST(Decide, lost_jobs_are_counted_alone_and_bounded) {
  Scene scene(run_of({{}}));
  scene.pass();
  scene.pass({seen(scene.task(0), Seen::dead)});
  scene.pass({seen(scene.task(0), Seen::dead)});
  EXPECT_EQ(scene.state(0), State::failed);
  EXPECT_EQ(scene.task(0).errors.at(0).code, "task-not-found-in-computational-backend");
  EXPECT_EQ(scene.task(0).failures, 0);
}

TEST(Decide, an_attempt_that_was_never_begun_does_not_count) {
  auto definition = run_of({{}});
  test::step_of(*definition, 0).retries.lost = 0;
  Scene scene(definition);
  scene.pass();
  scene.pass({seen(scene.task(0), Seen::barred)});
  EXPECT_EQ(scene.state(0), State::pending);
  EXPECT_EQ(scene.task(0).attempt, 2);
  EXPECT_EQ(scene.task(0).lost, 0);
}

TEST(Decide, retries_back_off_and_then_fail_with_the_jobs_own_error) {
  auto definition = run_of({{}, {0}});
  test::step_of(*definition, 0).retries = {.max = 2, .backoff = 2s};
  Scene scene(definition);
  scene.pass();
  const auto first = scene.pass({erred(scene.task(0))}, noon);
  EXPECT_EQ(scene.state(0), State::published);
  EXPECT_EQ(scene.task(0).waiting, Waiting::retry);
  EXPECT_EQ(first.wake_at, noon + 2s);
  EXPECT_TRUE(first.submit.empty());
  EXPECT_TRUE(scene.pass({}, noon + 1s).submit.empty());
  EXPECT_EQ(scene.pass({}, noon + 2s).submit.size(), 1u);
  EXPECT_EQ(scene.pass({erred(scene.task(0))}, noon + 10s).wake_at, noon + 14s);
  scene.pass({}, noon + 14s);
  scene.pass({erred(scene.task(0))}, noon + 20s);
  EXPECT_EQ(scene.state(0), State::failed);
  EXPECT_EQ(scene.task(0).errors.at(0).code, "runtime.exit");
  EXPECT_EQ(scene.state(1), State::aborted);
  EXPECT_EQ(scene.rows.record().result, State::failed);
  EXPECT_EQ(scene.task(0).attempt, 3);
}

TEST(Decide, a_retry_without_back_off_begins_in_the_same_pass) {
  auto definition = run_of({{}});
  test::step_of(*definition, 0).retries.max = 1;
  Scene scene(definition);
  scene.pass();
  const auto decision = scene.pass({erred(scene.task(0))});
  EXPECT_EQ(scene.state(0), State::pending);
  ASSERT_EQ(decision.submit.size(), 1u);
  EXPECT_EQ(decision.submit[0].attempt, 2);
}

TEST(Decide, without_keep_going_a_failure_stops_what_has_not_begun) {
  Scene scene(run_of({{}, {}, {}, {}, {0}}));
  scene.policy.room = 3;
  scene.pass();
  scene.policy.room = 0;
  scene.pass({seen(scene.task(1), Seen::running), seen(scene.task(2), Seen::queued)});  // t3 takes the place of t1
  const auto decision = scene.pass({erred(scene.task(0))});
  EXPECT_EQ(scene.state(0), State::failed);
  EXPECT_EQ(scene.state(1), State::started);  // what runs may end
  EXPECT_EQ(scene.state(2), State::pending);
  EXPECT_EQ(decision.bar.front(), *scene.task(2).job);
  EXPECT_TRUE(decision.submit.empty());
  EXPECT_EQ(scene.state(4), State::aborted);
  scene.pass({seen(scene.task(2), Seen::barred), done(scene.task(1)), seen(scene.task(3), Seen::barred)});
  EXPECT_EQ(scene.state(1), State::success);
  EXPECT_EQ(scene.state(2), State::aborted);
  EXPECT_EQ(scene.rows.record().result, State::failed);
  EXPECT_TRUE(scene.rows.record().ended.has_value());
}

TEST(Decide, with_keep_going_only_descendants_are_aborted) {
  auto definition = run_of({{}, {0}, {1}, {}, {3}});
  definition->keep_going = true;
  Scene scene(definition);
  scene.pass();
  const auto decision = scene.pass({erred(scene.task(0)), done(scene.task(3))});
  EXPECT_EQ(scene.state(1), State::aborted);
  EXPECT_EQ(scene.state(2), State::aborted);
  EXPECT_EQ(nodes_of(decision.submit), (Names{"t4"}));
  EXPECT_EQ(scene.rows.record().result, State::started);
}

TEST(Decide, cancel_stops_the_live_aborts_the_rest_and_keeps_a_late_success) {
  Scene scene(run_of({{}, {}, {0}}));
  scene.pass();
  scene.rows.desire(Desire::cancel, noon + 1s);
  const auto decision = scene.pass({seen(scene.task(0), Seen::running)}, noon + 1s);
  EXPECT_EQ(decision.cancel.size(), 2u);
  EXPECT_EQ(scene.state(2), State::aborted);
  const auto pursued = scene.pass({}, noon + 6s);
  EXPECT_EQ(pursued.cancel.size(), 2u);  // R11: by every pass until there is proof
  scene.pass({done(scene.task(0)), erred(scene.task(1), EndKind::cancelled)}, noon + 7s);
  EXPECT_EQ(scene.state(0), State::success);
  EXPECT_EQ(scene.state(1), State::aborted);
  EXPECT_EQ(scene.rows.record().result, State::aborted);
}

TEST(Decide, a_cancelled_run_ends_after_its_patience_and_still_owes_the_death) {
  Scene scene(run_of({{}}));
  scene.pass();
  scene.rows.desire(Desire::cancel, noon);
  EXPECT_LE(*scene.pass({seen(scene.task(0), Seen::begun)}, noon + 1min).wake_at, noon + 2min);
  const auto last = scene.pass({seen(scene.task(0), Seen::begun)}, noon + 10min);
  EXPECT_EQ(scene.rows.record().result, State::aborted);
  ASSERT_FALSE(last.cancel.empty());
  EXPECT_TRUE(last.cancel.back().hard);
  EXPECT_TRUE(scene.rows.owes());
  EXPECT_TRUE(last.wake_at.has_value());
  EXPECT_TRUE(scene.pass({seen(scene.task(0), Seen::running)}, noon + 11min).cancel.at(0).hard);
  scene.pass({seen(scene.task(0), Seen::dead)}, noon + 12min);
  EXPECT_TRUE(scene.rows.owes());  // a death that was seen leaves the release owed
  scene.pass({seen(scene.task(0), Seen::unknown)}, noon + 13min);
  EXPECT_FALSE(scene.rows.owes());
}

TEST(Decide, a_release_is_owed_until_it_is_seen_done) {
  Scene scene(run_of({{}}));
  scene.pass();
  const auto success = scene.pass({done(scene.task(0))});
  EXPECT_EQ(success.result, State::success);
  EXPECT_TRUE(success.wake_at.has_value());
  EXPECT_TRUE(scene.rows.owes());
  const auto again = scene.pass({done(scene.task(0))}, noon + 5s);  // the release did not arrive
  EXPECT_EQ(again.release.size(), 1u);
  const auto last = scene.pass({seen(scene.task(0), Seen::unknown)}, noon + 6s);
  EXPECT_EQ(last.settle.size(), 1u);
  EXPECT_FALSE(last.wake_at.has_value());
  EXPECT_FALSE(scene.rows.owes());
}

TEST(Decide, a_wait_that_is_over_bars_first_and_fails_with_proof) {
  auto definition = run_of({{}});
  test::step_of(*definition, 0).limits.waiting = 30s;
  Scene scene(definition);
  const auto first = scene.pass();
  EXPECT_LE(*first.wake_at, noon + 30s);
  scene.pass({seen(scene.task(0), Seen::queued)}, noon + 1s);
  const auto expired = scene.pass({}, noon + 30s);
  EXPECT_EQ(expired.bar.size(), 1u);
  EXPECT_EQ(scene.state(0), State::pending);
  scene.pass({seen(scene.task(0), Seen::barred)}, noon + 31s);
  EXPECT_EQ(scene.state(0), State::failed);
  EXPECT_EQ(scene.task(0).errors.at(0).code, "runtime.waiting");
}

TEST(Decide, a_wait_never_ends_what_has_begun_nor_while_the_clock_jumps) {
  auto definition = run_of({{}});
  test::step_of(*definition, 0).limits.waiting = 30s;
  Scene scene(definition);
  scene.pass();
  scene.policy.waits_may_expire = false;
  EXPECT_TRUE(scene.pass({seen(scene.task(0), Seen::queued)}, noon + 1h).bar.empty());
  scene.policy.waits_may_expire = true;
  scene.pass({seen(scene.task(0), Seen::running)}, noon + 1h);
  EXPECT_EQ(scene.state(0), State::started);
  EXPECT_TRUE(scene.pass({}, noon + 2h).bar.empty());
}

TEST(Decide, rapid_passes_do_not_move_the_wait) {
  auto definition = run_of({{}});
  test::step_of(*definition, 0).limits.waiting = 30s;
  Scene scene(definition);
  scene.policy.room = 0;
  scene.pass();
  for (int i = 1; i < 30; ++i) scene.pass({}, noon + std::chrono::seconds(i));
  EXPECT_EQ(scene.state(0), State::published);
  scene.pass({}, noon + 30s);
  EXPECT_EQ(scene.state(0), State::failed);
}

TEST(Decide, a_clock_that_jumps_leaves_a_wait_for_resources_its_next_event) {
  Scene scene(run_of({{}}));
  scene.pass();
  scene.pass({seen(scene.task(0), Seen::lacking)}, noon);
  scene.policy.waits_may_expire = false;

  const auto jumped = scene.pass({}, noon + 1h);

  EXPECT_TRUE(jumped.bar.empty());
  EXPECT_EQ(jumped.wake_at, noon + 1h + scene.policy.ask_again_min);
}

TEST(Decide, waiting_for_resources_is_a_state_with_an_end) {
  Scene scene(run_of({{}}));
  scene.pass();
  const auto waits = scene.pass({seen(scene.task(0), Seen::lacking)}, noon);
  EXPECT_EQ(scene.state(0), State::waiting_for_resources);
  EXPECT_EQ(waits.wake_at, noon + 10min);
  EXPECT_EQ(scene.pass({seen(scene.task(0), Seen::lacking)}, noon + 10min).bar.size(), 1u);
  scene.pass({seen(scene.task(0), Seen::barred)}, noon + 11min);
  EXPECT_EQ(scene.state(0), State::failed);
}

TEST(Decide, waiting_for_resources_ends_also_when_nobody_tells_of_it_again) {
  Scene scene(run_of({{}, {}}));
  scene.pass();
  scene.pass({seen(scene.task(0), Seen::lacking), seen(scene.task(1), Seen::running)}, noon);
  EXPECT_EQ(scene.pass({}, noon + 1min).wake_at, noon + 10min);
  EXPECT_EQ(scene.pass({}, noon + 10min).bar.size(), 1u);
}

TEST(Decide, what_waited_for_resources_leaves_its_room_when_it_begins) {
  Scene scene(run_of({{}, {}}));
  scene.policy.room = 1;
  scene.pass();
  scene.policy.room = 0;
  scene.pass({seen(scene.task(0), Seen::lacking)}, noon + 1s);
  EXPECT_EQ(nodes_of(scene.pass({seen(scene.task(0), Seen::running)}, noon + 2s).submit), Names{"t1"});
}

TEST(Decide, a_wait_that_is_over_lets_nothing_else_begin_in_the_same_pass) {
  auto definition = run_of({{}, {}});
  test::step_of(*definition, 1).limits.waiting = 30s;
  Scene scene(definition);
  scene.policy.room = 1;
  scene.pass();
  scene.policy.room = 0;
  scene.pass({seen(scene.task(0), Seen::queued)}, noon + 1s);
  const auto expired = scene.pass({seen(scene.task(0), Seen::queued)}, noon + 30s);
  EXPECT_EQ(scene.state(1), State::failed);
  EXPECT_EQ(expired.bar, std::vector<JobId>{*scene.task(0).job});
  EXPECT_TRUE(expired.wake_at.has_value());
}

/// t1's last success was made from t0's product 7.
std::shared_ptr<RunDefinition> with_a_cut_off() {
  auto definition = run_of({{}, {0}, {1}});
  for (const Index i : {1u, 2u}) {
    auto& task = definition->tasks[i];
    auto previous = std::make_shared<Success>();
    previous->key = task.key;
    previous->key.inputs["in" + std::to_string(i - 1)] = sha256("7");
    previous->products = {{"v", Value{"7"}}};
    previous->log = "old log";
    task.previous = previous;
    task.may_cut_off = true;
    task.reasons = {{ReasonKind::upstream_runs, "in" + std::to_string(i - 1), "t" + std::to_string(i - 1)}};
  }
  return definition;
}

TEST(Decide, equal_inputs_cut_the_rest_off) {
  Scene scene(with_a_cut_off());
  scene.pass();
  const auto decision = scene.pass({done(scene.task(0), "7")});
  EXPECT_TRUE(decision.submit.empty());
  EXPECT_EQ(scene.state(1), State::success);
  EXPECT_TRUE(scene.task(1).reused);
  EXPECT_EQ(scene.state(2), State::success);
  EXPECT_EQ(scene.task(2).attempt, 0);
  EXPECT_EQ(decision.result, State::success);
}

TEST(Decide, other_inputs_do_not) {
  Scene scene(with_a_cut_off());
  scene.pass();
  EXPECT_EQ(nodes_of(scene.pass({done(scene.task(0), "8")}).submit), (Names{"t1"}));
}

TEST(Decide, an_input_that_moved_while_the_task_ran_is_not_recorded_as_known) {
  auto definition = run_of({{}});
  definition->tasks[0].node.inputs.push_back({"genome", FileInput{.path = "/data/genome"}});
  definition->tasks[0].key.inputs["genome"] = "abc";
  definition->tasks[0].stamps = {{.path = "/data/genome", .stat = "1", .digest = "abc"}};
  Scene scene(definition);
  scene.pass();
  auto observation = done(scene.task(0));
  auto end = std::make_shared<JobEnd>(*observation.end);
  end->moved = {"/data/genome"};
  observation.end = end;
  scene.pass({observation});
  EXPECT_EQ(scene.state(0), State::success);
  EXPECT_EQ(scene.task(0).success->key.inputs.at("genome"), "");
}

TEST(Decide, what_another_made_and_moved_while_the_task_read_it_is_not_recorded_as_known) {
  auto definition = run_of({{}, {0}});
  test::step_of(*definition, 0).outputs = {{.port = "v", .kind = OutputKind::file, .name = "v"}};
  Scene scene(definition);
  scene.pass();
  auto made = done(scene.task(0));
  auto first = std::make_shared<JobEnd>(*made.end);
  first->products = {{"v", Stamp{.path = "/out/v", .stat = "1", .digest = "abc"}}};
  made.end = first;
  const auto reader = scene.pass({made}).submit.at(0);
  ASSERT_EQ(reader.stamps.size(), 1u) << "it is looked at again when the task has ended";
  EXPECT_EQ(reader.stamps[0].path, "/out/v");
  auto read = done(scene.task(1));
  auto end = std::make_shared<JobEnd>(*read.end);
  end->moved = {"/out/v"};
  read.end = end;

  scene.pass({read});

  EXPECT_EQ(scene.state(1), State::success);
  for (const auto& [port, digest] : scene.task(1).success->key.inputs) EXPECT_EQ(digest, "") << port;
}

TEST(Decide, news_of_strangers_change_nothing) {
  Scene scene(run_of({{}}));
  scene.pass();
  const auto decision = scene.pass({{.job = JobId("stranger"), .seen = Seen::dead}});
  EXPECT_TRUE(decision.tasks.empty());
}

TEST(Decide, a_jump_of_the_clock_does_not_end_the_patience_of_a_cancel) {
  Scene scene(run_of({{}}));
  scene.pass();
  scene.rows.desire(Desire::cancel, noon);
  scene.policy.waits_may_expire = false;
  const auto decision = scene.pass({seen(scene.task(0), Seen::running)}, noon + 1h);
  EXPECT_EQ(scene.state(0), State::pending);
  EXPECT_FALSE(decision.cancel.at(0).hard);
  EXPECT_TRUE(decision.wake_at.has_value());
}

TEST(Decide, a_wait_counts_also_behind_one_without_a_limit) {
  auto definition = run_of({{}, {}, {}});
  test::step_of(*definition, 2).limits.waiting = 30s;
  Scene scene(definition);
  scene.policy.room = 0;
  scene.pass();
  EXPECT_EQ(scene.task(2).ready_since, noon);
  scene.pass({}, noon + 30s);
  EXPECT_EQ(scene.state(2), State::failed);
}

TEST(Decide, a_deadline_that_is_past_does_not_hide_the_next) {
  auto definition = run_of({{}, {}});
  definition->keep_going = true;
  for (const Index i : {0u, 1u})
    test::step_of(*definition, i).retries = {.max = 1, .backoff = std::chrono::seconds(i == 0 ? 1 : 3)};
  Scene scene(definition);
  scene.pass();
  scene.pass({erred(scene.task(0)), erred(scene.task(1))}, noon);
  scene.policy.room = 0;  // t0's back-off ends, and there is no room
  EXPECT_EQ(scene.pass({}, noon + 2s).wake_at, noon + 3s);
}

TEST(Decide, an_attempt_says_why_it_began) {
  auto definition = run_of({{}});
  test::step_of(*definition, 0).retries = {.max = 2, .backoff = 2s};
  Scene scene(definition);
  EXPECT_EQ(scene.pass().attempts.at(0).why, "planned");
  scene.pass({erred(scene.task(0))}, noon);
  EXPECT_EQ(scene.pass({}, noon + 2s).attempts.at(0).why, "retry: runtime.exit");
}

TEST(Decide, a_held_run_starts_nothing) {
  auto definition = run_of({{}});
  Rows rows(definition);
  auto ticket = rows.begin(Fence::none(), noon);
  ticket.record.held = true;
  core::Run run;
  run.apply(ticket);
  EXPECT_TRUE(decide(run, {}, {}, noon).submit.empty());
}

}  // namespace
}  // namespace baton::core
