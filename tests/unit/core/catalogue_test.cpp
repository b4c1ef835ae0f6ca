// What the reference's tests of one pass ask for (docs/conformance.md), on one run's rows without a store.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/decide.hpp"
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

struct Scene {
  explicit Scene(std::shared_ptr<RunDefinition> of) : definition(std::move(of)), rows(definition) { policy.announce = true; }
  /// A replica that knows nothing of the run: each pass reads all rows.
  Decision pass(std::vector<Observation> news = {}, Instant now = noon) {
    Run run;
    run.apply(rows.begin(Fence::none(), now));
    auto decision = decide(run, news, policy, now);
    rows.commit(decision);
    return decision;
  }
  Decision pass_of_all(Seen what, Instant now = noon) {
    std::vector<Observation> news;
    for (Index i = 0; i < rows.size(); ++i) news.push_back(seen(task(i), what));
    return pass(news, now);
  }
  State state(Index i) const { return rows.task(i).state; }
  const TaskRecord& task(Index i) const { return rows.task(i); }
  bool all_are(State what) const {
    for (Index i = 0; i < rows.size(); ++i)
      if (state(i) != what) return false;
    return true;
  }

  std::shared_ptr<RunDefinition> definition;
  Rows rows;
  Policy policy;
};

std::vector<Told> told_in(const Decision& decision) {
  std::vector<Told> told;
  for (const auto& one : decision.announcements) told.push_back(one.what);
  return told;
}
using Tolds = std::vector<Told>;

std::vector<JobId> jobs_in(const Decision& decision) {
  std::vector<JobId> jobs;
  for (const auto& job : decision.submit) jobs.push_back(job.id);
  return jobs;
}

// The four computational nodes of the reference's workbench.
constexpr Index n1 = 0, n2 = 1, n3 = 2, n4 = 3;
Scene workbench() {
  auto definition = run_of({{}, {n1}, {}, {n2, n3}});
  definition->keep_going = true;  // the reference stops nothing but what comes after a failure
  return Scene(definition);
}
/// Four tasks that run, as the reference's fixture of a restart has them.
Scene four_that_run() {
  auto definition = run_of({{}, {}, {}, {}});
  definition->keep_going = true;
  Scene scene(definition);
  scene.pass();
  scene.pass_of_all(Seen::running);
  return scene;
}

TEST(Catalogue, SC_1_the_whole_scenario_is_told_once_and_in_order) {
  auto scene = workbench();
  EXPECT_TRUE(scene.all_are(State::published));

  auto decision = scene.pass();
  EXPECT_EQ(jobs_in(decision), (std::vector<JobId>{*scene.task(n1).job, *scene.task(n3).job}));
  EXPECT_EQ(scene.state(n1), State::pending);
  EXPECT_EQ(scene.state(n3), State::pending);
  EXPECT_EQ(scene.state(n2), State::published);
  EXPECT_EQ(scene.state(n4), State::published);
  EXPECT_EQ(decision.result, State::pending);  // the reference writes it one pass later
  EXPECT_EQ(told_in(decision), (Tolds{Told::run_result, Told::run_log, Told::run_result}));
  EXPECT_EQ(decision.announcements[0].state, State::published);
  EXPECT_EQ(decision.announcements[1].level, 20);
  EXPECT_EQ(decision.announcements[2].state, State::pending);

  decision = scene.pass({seen(scene.task(n1), Seen::queued), seen(scene.task(n3), Seen::queued)}, noon + 1s);
  EXPECT_TRUE(decision.submit.empty());
  EXPECT_TRUE(decision.announcements.empty());

  decision = scene.pass({seen(scene.task(n1), Seen::running)}, noon + 2s);
  EXPECT_EQ(decision.result, State::started);
  EXPECT_EQ(scene.state(n3), State::pending);
  EXPECT_EQ(told_in(decision), (Tolds{Told::task_started, Told::run_result}));

  decision = scene.pass({seen(scene.task(n1), Seen::running)}, noon + 3s);
  EXPECT_TRUE(decision.announcements.empty()) << "a task starts once";

  decision = scene.pass({done(scene.task(n1), "45")}, noon + 4s);
  EXPECT_EQ(scene.state(n1), State::success);
  EXPECT_EQ(std::get<Value>(scene.task(n1).success->products.at(0).content).json, "45");
  EXPECT_EQ(jobs_in(decision), std::vector<JobId>{*scene.task(n2).job}) << "the next one goes in the same pass";
  EXPECT_EQ(told_in(decision), Tolds{Told::task_stopped});
  EXPECT_EQ(decision.release, std::vector<JobId>{*scene.task(n1).job});

  decision = scene.pass({seen(scene.task(n2), Seen::running)}, noon + 5s);
  EXPECT_EQ(told_in(decision), Tolds{Told::task_started});

  decision = scene.pass({erred(scene.task(n2))}, noon + 6s);
  EXPECT_EQ(scene.state(n2), State::failed);
  EXPECT_EQ(scene.state(n4), State::aborted);
  EXPECT_TRUE(decision.submit.empty());
  EXPECT_EQ(decision.result, State::started) << "N3 is there still";
  EXPECT_EQ(told_in(decision), Tolds{Told::task_stopped});

  // N3 begins and ends between two passes.
  auto last = done(scene.task(n3));
  auto end = std::make_shared<JobEnd>(*last.end);
  end->started = noon + 7s;
  end->ended = noon + 8s;
  last.end = end;
  decision = scene.pass({last}, noon + 9s);
  EXPECT_EQ(decision.result, State::failed);
  EXPECT_TRUE(decision.ended.has_value());
  EXPECT_EQ(told_in(decision), (Tolds{Told::task_started, Told::task_stopped, Told::run_result, Told::run_log}));
  EXPECT_EQ(decision.release, std::vector<JobId>{*scene.task(n3).job});
}

TEST(Catalogue, SC_1_a_start_is_told_with_what_the_step_declares) {
  auto definition = run_of({{}, {}});
  const Resources declared{{"cpu", 2}, {"ram", 1e9}};
  for (const Index i : {0u, 1u}) test::step_of(*definition, i).resources = declared;
  Scene scene(definition);
  scene.pass();
  auto quick = done(scene.task(1));  // it begins and ends between two passes
  auto end = std::make_shared<JobEnd>(*quick.end);
  end->started = noon;
  quick.end = end;

  const auto decision = scene.pass({seen(scene.task(0), Seen::running), quick}, noon + 1s);

  std::size_t starts = 0;
  for (const auto& told : decision.announcements) {
    if (told.what == Told::task_started) ++starts;
    EXPECT_EQ(told.resources, told.what == Told::task_started ? declared : Resources()) << to_text(told.what);
  }
  EXPECT_EQ(starts, 2u);
}

TEST(Catalogue, SC_5_a_stop_before_the_first_pass_aborts_all_and_sends_nothing) {
  auto scene = workbench();
  scene.rows.desire(Desire::cancel, noon);
  const auto decision = scene.pass();
  EXPECT_TRUE(scene.all_are(State::aborted));
  EXPECT_EQ(decision.result, State::aborted);
  EXPECT_FALSE(decision.acts());
  EXPECT_EQ(told_in(decision), (Tolds{Told::run_result, Told::run_log, Told::run_result, Told::run_log}))
      << "PUBLISHED, then ABORTED";
  const auto again = scene.pass({}, noon + 1s);
  EXPECT_TRUE(again.tasks.empty());
  EXPECT_TRUE(again.announcements.empty());
}

TEST(Catalogue, SC_6_after_a_restart_what_runs_runs_on) {
  auto scene = four_that_run();
  const auto decision = scene.pass_of_all(Seen::running, noon + 1s);
  EXPECT_TRUE(scene.all_are(State::started));
  EXPECT_TRUE(decision.tasks.empty());
  EXPECT_TRUE(decision.announcements.empty());
}

TEST(Catalogue, SC_6_after_a_restart_what_has_succeeded_is_taken) {
  auto scene = four_that_run();
  std::vector<Observation> news;
  for (Index i = 0; i < 4; ++i) news.push_back(done(scene.task(i)));
  const auto decision = scene.pass(news, noon + 1s);
  EXPECT_TRUE(scene.all_are(State::success));
  EXPECT_EQ(decision.result, State::success);
}

TEST(Catalogue, SC_6_after_a_restart_each_failure_keeps_its_own_error) {
  auto scene = four_that_run();
  std::vector<Observation> news;
  for (Index i = 0; i < 4; ++i) news.push_back(erred(scene.task(i)));
  scene.pass(news, noon + 1s);
  EXPECT_TRUE(scene.all_are(State::failed));  // the reference overwrites two of them with ABORTED
  for (Index i = 0; i < 4; ++i) EXPECT_EQ(scene.task(i).errors.at(0).code, "runtime.exit");
  EXPECT_EQ(scene.rows.record().result, State::failed);
}

TEST(Catalogue, SC_6_after_a_restart_what_nobody_knows_is_barred_before_it_is_lost) {
  auto definition = run_of({{}, {}, {}, {}});
  for (Index i = 0; i < 4; ++i) test::step_of(*definition, i).retries.lost = 0;
  Scene scene(definition);
  scene.pass();
  scene.pass_of_all(Seen::running);
  const auto decision = scene.pass_of_all(Seen::unknown, noon + 1s);
  EXPECT_EQ(decision.bar.size(), 4u);
  EXPECT_TRUE(scene.all_are(State::started)) << "to be unknown is no proof";
  scene.pass_of_all(Seen::dead, noon + 2s);
  EXPECT_TRUE(scene.all_are(State::failed));
  EXPECT_EQ(scene.task(3).errors.at(0).code, "task-not-found-in-computational-backend");
}

TEST(Catalogue, SC_8_a_cancel_after_a_restart_asks_each_job_to_stop_and_ends_with_their_proof) {
  auto scene = four_that_run();
  scene.rows.desire(Desire::cancel, noon + 1s);
  const auto asked = scene.pass_of_all(Seen::running, noon + 1s);
  EXPECT_EQ(asked.cancel.size(), 4u);
  EXPECT_TRUE(scene.all_are(State::started));
  EXPECT_EQ(asked.result, State::started);
  std::vector<Observation> news;
  for (Index i = 0; i < 4; ++i) news.push_back(erred(scene.task(i), EndKind::cancelled));
  const auto ended = scene.pass(news, noon + 2s);
  EXPECT_TRUE(scene.all_are(State::aborted));
  EXPECT_EQ(ended.result, State::aborted);
  const auto told = told_in(ended);
  EXPECT_EQ(std::ranges::count(told, Told::run_result), 1);
  EXPECT_EQ(std::ranges::count(told, Told::task_stopped), 4);
}

TEST(Catalogue, SC_13_a_backend_that_went_away_fails_nothing) {
  auto scene = four_that_run();
  for (int minute = 1; minute <= 60; ++minute) {
    const auto decision = scene.pass_of_all(Seen::silent, noon + std::chrono::minutes(minute));
    ASSERT_TRUE(scene.all_are(State::started));
    ASSERT_TRUE(decision.submit.empty());
    ASSERT_TRUE(decision.wake_at.has_value());
  }
}

TEST(Catalogue, SC_16_a_result_that_is_on_its_way_is_waited_for_task_by_task) {
  auto scene = four_that_run();
  scene.pass({done(scene.task(0)), seen(scene.task(1), Seen::finished), seen(scene.task(2), Seen::finished),
              seen(scene.task(3), Seen::finished)},
             noon + 1s);
  EXPECT_EQ(scene.state(0), State::success);
  for (Index i = 1; i < 4; ++i) {
    EXPECT_EQ(scene.state(i), State::started);
    EXPECT_EQ(scene.task(i).waiting, Waiting::result);
  }
  const auto again = scene.pass({seen(scene.task(1), Seen::finished)}, noon + 1h);
  EXPECT_TRUE(again.tasks.empty()) << "the wait is not written again, and fails nobody";
}

TEST(Catalogue, SC_22_each_kind_of_end_has_its_type_and_none_is_the_platforms_fault) {
  constexpr std::pair<EndKind, const char*> kinds[] = {{EndKind::oom, "runtime.oom"},
                                                       {EndKind::timeout, "runtime.timeout"},
                                                       {EndKind::silence, "runtime.silence"},
                                                       {EndKind::exit, "runtime.exit"}};
  for (const auto& [kind, code] : kinds) {
    Scene scene(run_of({{}}));
    scene.pass();
    scene.pass({seen(scene.task(0), Seen::running)});
    auto end = std::make_shared<JobEnd>();
    end->kind = kind;
    end->error = Error{.code = code, .what = "it ended so"};
    const auto decision = scene.pass({{.job = *scene.task(0).job, .seen = Seen::erred, .end = end}});
    EXPECT_EQ(scene.state(0), State::failed);
    EXPECT_EQ(scene.task(0).errors.at(0).code, code);
    ASSERT_EQ(told_in(decision).at(0), Told::task_stopped);
    EXPECT_TRUE(decision.announcements.at(0).platform_ok);
  }
}

// ---- weaknesses of the reference ------------------------------------------------------------------------------------------

TEST(Weakness, W02_what_has_finished_waits_for_its_outputs) {
  Scene scene(run_of({{}}));
  scene.pass();
  scene.pass({seen(scene.task(0), Seen::finished)}, noon + 1s);
  EXPECT_NE(scene.state(0), State::success);
}

TEST(Weakness, W02_success_comes_with_its_outputs_end_release_and_messages) {
  // The fast path: handed over in one pass, ended before the next.
  Scene scene(run_of({{}, {0}}));
  scene.pass();
  auto news = done(scene.task(0), "7");
  auto end = std::make_shared<JobEnd>(*news.end);
  end->started = noon + 1s;
  news.end = end;
  const auto decision = scene.pass({news}, noon + 2s);
  const auto& task = scene.task(0);
  EXPECT_EQ(task.state, State::success);
  EXPECT_EQ(std::get<Value>(task.success->products.at(0).content).json, "7");
  EXPECT_EQ(task.started, noon + 1s);
  EXPECT_TRUE(task.ended.has_value());
  EXPECT_TRUE(scene.rows.owes());
  EXPECT_EQ(std::get<Value>(decision.submit.at(0).inputs.at(0).items.at(0)).json, "7");
  EXPECT_EQ(told_in(decision), (Tolds{Told::task_started, Told::task_stopped, Told::run_result}));
}

TEST(Weakness, W03_a_batch_that_was_half_sent_is_completed_under_the_same_ids) {
  for (unsigned arrived = 0; arrived < 16; ++arrived) {
    Scene scene(run_of({{}, {}, {}, {}}));
    const auto sent = jobs_in(scene.pass());
    std::vector<Observation> news;
    std::vector<JobId> missing;
    for (Index i = 0; i < 4; ++i) {
      ASSERT_EQ(scene.state(i), State::pending);
      ASSERT_EQ(scene.task(i).job, sent[i]) << "no live state without a job id";
      const bool there = (arrived >> i & 1U) != 0;
      news.push_back(seen(scene.task(i), there ? Seen::queued : Seen::unknown));
      if (!there) missing.push_back(sent[i]);
    }
    EXPECT_EQ(jobs_in(scene.pass(news, noon + 5s)), missing);
  }
}

TEST(Weakness, W09_lost_jobs_are_counted_also_when_they_were_seen_in_between) {
  Scene scene(run_of({{}}));
  scene.pass();
  for (int i = 0; i < 2; ++i) {
    EXPECT_NE(scene.state(0), State::failed);
    scene.pass({seen(scene.task(0), Seen::running)});
    scene.pass({seen(scene.task(0), Seen::dead)});
  }
  EXPECT_EQ(scene.state(0), State::failed);
}

TEST(Weakness, W14_no_mix_of_states_that_a_run_can_have_leaves_scheduling) {
  constexpr State states[] = {
      State::published, State::pending, State::waiting_for_cluster, State::waiting_for_resources, State::started, State::success,
      State::failed,    State::aborted};
  for (unsigned mix = 1; mix < 256; ++mix) {
    StateSet set;
    for (unsigned i = 0; i < 8; ++i)
      if ((mix >> i & 1U) != 0) set.add(states[i]);
    const auto result = aggregate(set);
    EXPECT_TRUE(is_running(result) || is_final(result)) << mix;
    EXPECT_EQ(is_final(result), set.within(final_states)) << mix << ": final, and nothing is left to do";
  }
}

TEST(Weakness, W15_a_task_starts_once_whatever_the_backend_says_afterwards) {
  Scene scene(run_of({{}}));
  scene.pass();
  scene.pass({seen(scene.task(0), Seen::running)}, noon + 1s);
  for (const auto what : {Seen::silent, Seen::queued, Seen::lacking, Seen::begun, Seen::running}) {
    const auto decision = scene.pass({seen(scene.task(0), what)}, noon + 2s);
    EXPECT_EQ(scene.state(0), State::started);
    EXPECT_EQ(scene.task(0).started, noon + 1s);
    EXPECT_TRUE(decision.announcements.empty());
  }
  scene.pass({done(scene.task(0))}, noon + 3s);
  const auto late = scene.pass({seen(scene.task(0), Seen::running)}, noon + 4s);
  EXPECT_EQ(scene.state(0), State::success);
  EXPECT_TRUE(late.announcements.empty());
}

TEST(Weakness, W24_no_write_moves_the_clock_of_a_wait) {
  Scene scene(run_of({{}, {}}));
  scene.pass();
  for (int minute = 0; minute < 10; ++minute) {
    // The other task is written again and again, and so is the wait itself.
    const auto other = minute % 2 == 0 ? Seen::running : Seen::silent;
    scene.pass({seen(scene.task(0), Seen::lacking), seen(scene.task(1), other)}, noon + std::chrono::minutes(minute));
    EXPECT_EQ(scene.task(0).state_since, noon);
  }
  EXPECT_EQ(scene.pass({seen(scene.task(0), Seen::lacking)}, noon + 10min).bar.size(), 1u);
}

TEST(Weakness, W26_a_failure_is_propagated_once_and_overwrites_no_success) {
  auto scene = workbench();
  scene.pass();
  scene.pass({done(scene.task(n3))}, noon + 1s);
  const auto failed = scene.pass({erred(scene.task(n1))}, noon + 2s);
  EXPECT_EQ(failed.tasks.size(), 3u);
  EXPECT_EQ(scene.state(n2), State::aborted);
  EXPECT_EQ(scene.state(n3), State::success);
  EXPECT_EQ(scene.state(n4), State::aborted);
  const auto ended = scene.task(n4).ended;
  for (int i = 3; i < 8; ++i) EXPECT_TRUE(scene.pass({}, noon + std::chrono::seconds(i)).tasks.empty());
  EXPECT_EQ(scene.task(n4).ended, ended);
}

TEST(Weakness, W34_a_cancel_ends_what_never_arrived_and_what_cannot_be_asked) {
  Scene scene(run_of({{}, {}, {}}));
  scene.policy.room = 2;
  scene.pass();
  scene.rows.desire(Desire::cancel, noon + 1s);
  // t0 was never sent; t1 is in a cluster that does not answer; t2 was never handed over.
  const auto first = scene.pass({seen(scene.task(0), Seen::unknown), seen(scene.task(1), Seen::silent)}, noon + 1s);
  EXPECT_EQ(first.bar, std::vector<JobId>{*scene.task(0).job});
  EXPECT_EQ(scene.state(2), State::aborted);
  scene.pass({seen(scene.task(0), Seen::barred), seen(scene.task(1), Seen::silent)}, noon + 2s);
  EXPECT_EQ(scene.state(0), State::aborted);
  EXPECT_EQ(scene.state(1), State::pending);
  const auto last = scene.pass({seen(scene.task(1), Seen::silent)}, noon + 11min);
  EXPECT_EQ(last.result, State::aborted);
  EXPECT_TRUE(scene.rows.owes()) << "its death stays owed";
}

}  // namespace
}  // namespace baton::core
