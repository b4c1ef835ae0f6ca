// R4, R9, R11: marks, desires, and releases that are owed again.
#include "contract/store/fixture.hpp"

namespace baton::test {
namespace {

TEST_P(StoreContract, the_first_wake_up_has_to_be_published_and_those_that_follow_it_not) {
  const auto key = create();

  EXPECT_TRUE(wake(key).publish);
  EXPECT_FALSE(wake(key).publish);
  EXPECT_FALSE(wake(key).publish);
}

TEST_P(StoreContract, every_wake_up_moves_the_mark_also_where_the_clock_stands_still) {
  const auto key = create();

  wake(key);
  const auto first = view(key).scheduled;
  wake(key);
  const auto second = view(key).scheduled;
  pass_time(1h);
  wake(key);

  EXPECT_EQ(first, now() - 1h);
  EXPECT_EQ(second, now() - 1h + 1us);
  EXPECT_EQ(view(key).scheduled, now());
}

TEST_P(StoreContract, a_mark_never_goes_back_with_the_clock) {
  const auto key = create();
  wake(key);
  const auto before = view(key).scheduled;
  pass_time(-1h);

  wake(key);

  EXPECT_GT(view(key).scheduled, before);
}

TEST_P(StoreContract, a_commit_that_nobody_woke_leaves_nothing_pending) {
  const auto key = create();
  wake(key);

  const auto committed = commit(begin(key));

  EXPECT_FALSE(committed.woken);
  EXPECT_TRUE(committed.open);
  EXPECT_FALSE(pending(key));
  EXPECT_TRUE(wake(key).publish);
}

TEST_P(StoreContract, a_commit_leaves_nothing_pending_where_the_clock_is_behind_the_mark) {
  const auto key = create();
  for (int i = 0; i < 10; ++i) wake(key);  // within one microsecond of the clock
  ASSERT_GT(view(key).scheduled, now());

  EXPECT_FALSE(commit(begin(key)).woken);

  EXPECT_FALSE(pending(key));
  EXPECT_EQ(view(key).processed, view(key).scheduled);
}

TEST_P(StoreContract, a_wake_up_in_the_microsecond_of_a_commit_is_pending) {
  const auto key = create();
  wake(key);
  pass_time(1s);  // `processed` is the clock, later than the mark
  commit(begin(key), {});

  EXPECT_TRUE(wake(key).publish);

  EXPECT_TRUE(pending(key));
}

TEST_P(StoreContract, a_wake_up_under_a_pass_is_told_by_its_commit_and_stays_pending) {
  const auto key = create();
  wake(key);
  const auto ticket = begin(key);
  const bool publish = wake(key).publish;

  const auto committed = commit(ticket);

  EXPECT_FALSE(publish);
  EXPECT_TRUE(committed.woken);
  EXPECT_TRUE(committed.open);
  EXPECT_TRUE(pending(key));
  EXPECT_EQ(view(key).processed, ticket.mark);
  EXPECT_FALSE(commit(begin(key, ticket.fence)).woken);
  EXPECT_FALSE(pending(key));
}

TEST_P(StoreContract, marks_are_compared_with_marks_and_never_with_a_clock) {
  const auto key = create();
  wake(key);
  const auto ticket = begin(key);
  wake(key);       // its mark is older …
  pass_time(10s);  // … than the clock of the commit

  EXPECT_TRUE(commit(ticket).woken);
  EXPECT_TRUE(pending(key));
}

TEST_P(StoreContract, the_first_mark_may_come_under_the_first_pass) {
  const auto key = create();
  const auto ticket = begin(key);
  ASSERT_EQ(ticket.mark, std::nullopt);
  EXPECT_TRUE(wake(key).publish);

  EXPECT_TRUE(commit(ticket).woken);
  EXPECT_TRUE(pending(key));
}

TEST_P(StoreContract, a_desire_is_written_with_a_mark_clears_wake_at_and_is_always_published) {
  const auto key = create();
  wake(key);
  commit(begin(key), {.wake_at = now() + 1h});
  ASSERT_EQ(view(key).wake_at, now() + 1h);
  wake(key);
  const auto mark = view(key).scheduled;

  const auto woken = good(store().desire(key, core::Desire::cancel));

  const auto run = view(key);
  EXPECT_TRUE(woken.publish);
  EXPECT_EQ(run.record.desire, core::Desire::cancel);
  EXPECT_EQ(run.record.desired_at, now());
  EXPECT_EQ(run.wake_at, std::nullopt);
  EXPECT_GT(run.scheduled, mark);
  EXPECT_EQ(begin(key).record.desire, core::Desire::cancel);
}

TEST_P(StoreContract, a_desire_under_a_pass_is_told_by_its_commit) {
  const auto key = create();
  wake(key);
  const auto ticket = begin(key);
  good(store().desire(key, core::Desire::cancel));

  EXPECT_TRUE(commit(ticket).woken);
  EXPECT_EQ(view(key).record.desire, core::Desire::cancel);
}

TEST_P(StoreContract, desires_only_rise_and_count_from_the_first) {
  const auto key = create();
  good(store().desire(key, core::Desire::cancel));
  const auto first = now();
  pass_time(1min);

  EXPECT_TRUE(good(store().desire(key, core::Desire::remove)).publish);
  good(store().desire(key, core::Desire::cancel));
  good(store().desire(key, core::Desire::run));

  EXPECT_EQ(view(key).record.desire, core::Desire::remove);
  EXPECT_EQ(view(key).record.desired_at, first);
}

TEST_P(StoreContract, a_desire_for_a_final_run_changes_nothing) {
  const auto key = create();
  wake(key);
  end(key);
  const auto mark = view(key).scheduled;

  EXPECT_FALSE(good(store().desire(key, core::Desire::cancel)).publish);

  EXPECT_EQ(view(key).record.desire, core::Desire::run);
  EXPECT_EQ(view(key).scheduled, mark);
  EXPECT_FALSE(view(key).open);
}

TEST_P(StoreContract, a_wake_up_of_a_run_that_is_not_open_changes_nothing) {
  const auto key = create();
  wake(key);
  end(key);
  const auto mark = view(key).scheduled;

  EXPECT_FALSE(wake(key).publish);
  EXPECT_FALSE(wake(key, {JobId("nobody")}).publish);

  EXPECT_EQ(view(key).scheduled, mark);
  EXPECT_FALSE(view(key).open);
}

TEST_P(StoreContract, a_wake_up_that_names_a_job_of_an_ended_attempt_makes_its_release_owed_again) {
  const auto key = create();
  core::Decision decision;
  decision.tasks = {aborted_task(0), aborted_task(1), aborted_task(2)};
  decision.attempts = {ended_attempt(0, "job-1", core::Owed::nothing)};
  decision.result = State::aborted;
  const auto ticket = begin(key);
  ASSERT_FALSE(commit(ticket, decision).open);

  EXPECT_TRUE(wake(key, {JobId("job-1")}).publish);

  EXPECT_TRUE(view(key).open);
  EXPECT_EQ(good(store().attempts(key, std::nullopt))[0].owed, core::Owed::release);
  // It is in the next ticket of the replica that ended the attempt, and in one from zero.
  const auto next = begin(key, Fence(ticket.fence.value() - 1));
  ASSERT_EQ(next.owed.size(), 1u);
  EXPECT_EQ(next.owed[0].job, JobId("job-1"));
  EXPECT_EQ(next.owed[0].owed, core::Owed::release);
  pass_time(1min);
  EXPECT_EQ(begin(key).owed.size(), 1u);
}

TEST_P(StoreContract, a_wake_up_that_names_a_live_job_or_none_of_the_run_makes_nothing_owed) {
  const auto key = create();
  start_first(key, "job-1");

  wake(key, {JobId("job-1"), JobId("nobody")});

  EXPECT_EQ(good(store().attempts(key, std::nullopt))[0].owed, core::Owed::nothing);
  EXPECT_TRUE(begin(key).owed.empty());
}

TEST_P(StoreContract, a_death_that_is_owed_stays_owed_when_a_push_names_its_job) {
  const auto key = create();
  core::Decision decision;
  decision.tasks = {aborted_task(0)};
  decision.attempts = {ended_attempt(0, "job-1", core::Owed::kill)};
  commit(begin(key), decision);

  wake(key, {JobId("job-1")});

  EXPECT_EQ(good(store().attempts(key, std::nullopt))[0].owed, core::Owed::kill);
}

TEST_P(StoreContract, a_death_that_was_seen_leaves_its_release_owed) {
  const auto key = create();
  core::Decision decision;
  decision.tasks = {aborted_task(0)};
  decision.attempts = {ended_attempt(0, "job-1", core::Owed::kill)};
  commit(begin(key), decision);
  core::Decision settles;
  settles.settle = {JobId("job-1")};

  commit(begin(key), settles);
  EXPECT_EQ(good(store().attempts(key, std::nullopt))[0].owed, core::Owed::release);
  commit(begin(key), settles);
  EXPECT_EQ(good(store().attempts(key, std::nullopt))[0].owed, core::Owed::nothing);
}

TEST_P(StoreContract, a_woken_pass_settles_nothing) {
  const auto key = create();
  core::Decision ends;
  ends.tasks = {aborted_task(0)};
  ends.attempts = {ended_attempt(0, "job-1", core::Owed::release)};
  commit(begin(key), ends);
  core::Decision settles;
  settles.settle = {JobId("job-1")};
  const auto ticket = begin(key);
  wake(key, {JobId("job-1")});  // a late submission was told: the job is held again

  EXPECT_TRUE(commit(ticket, settles).woken);

  EXPECT_EQ(good(store().attempts(key, std::nullopt))[0].owed, core::Owed::release);
  commit(begin(key), settles);
  EXPECT_EQ(good(store().attempts(key, std::nullopt))[0].owed, core::Owed::nothing);
}

TEST_P(StoreContract, W22_of_a_thousand_wake_ups_at_once_one_is_published) {
  const auto key = create();
  int published = 0;
  struct Waker {
    static awaitable<void> wake(Store& store, RunKey run, int& published) {
      auto woken = co_await store.wake(run, {});
      while (!woken) woken = co_await store.wake(run, {});  // a busy disk: it waited too long for its turn
      if (woken->publish) ++published;
    }
    static awaitable<void> all(Gate& gate, Store& store, RunKey run, int& published) {
      for (int i = 0; i < 1000; ++i) gate.spawn(wake(store, run, published));
      co_await gate.empty();
    }
  };
  const auto gate = runtime_.gate();

  runtime_.real().run(Waker::all(*gate, store(), key, published));

  EXPECT_EQ(published, 1);
  EXPECT_GE(view(key).scheduled, now() + 999us);
}

}  // namespace
}  // namespace baton::test
