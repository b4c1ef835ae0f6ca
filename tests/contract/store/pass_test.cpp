// R1, R2, R3, R7: what a pass reads and writes.
#include "contract/store/fixture.hpp"

namespace baton::test {
namespace {

TEST_P(StoreContract, each_pass_raises_the_fence) {
  const auto key = create();

  const auto first = begin(key);
  pass_time(1min);
  const auto second = begin(key);

  EXPECT_GT(first.fence, Fence::none());
  EXPECT_EQ(second.fence.value(), first.fence.value() + 1);
  EXPECT_EQ(view(key).fence, second.fence);
}

TEST_P(StoreContract, a_ticket_from_zero_brings_the_whole_run) {
  const auto key = create();
  wake(key);

  const auto ticket = begin(key);

  EXPECT_EQ(ticket.run, view(key).id);
  EXPECT_EQ(ticket.mark, view(key).scheduled);
  EXPECT_EQ(ticket.now, now());
  EXPECT_EQ(ticket.record.result, State::published);
  EXPECT_EQ(ticket.record.processed, std::nullopt) << "no commit has answered a mark yet";
  ASSERT_NE(ticket.definition, nullptr);
  EXPECT_EQ(ticket.definition->key, key);
  EXPECT_EQ(ticket.definition->id, ticket.run);
  ASSERT_EQ(ticket.tasks.size(), 3u);
  EXPECT_EQ(ticket.tasks[2].task, 2u);
  EXPECT_TRUE(ticket.owed.empty());
}

TEST_P(StoreContract, a_ticket_brings_what_was_written_after_what_is_known) {
  const auto key = create();
  core::Decision first, second;
  first.tasks = {pending_task(0, "job-1"), pending_task(1, "job-2")};
  second.tasks = {pending_task(1, "job-3", 2)};
  const auto one = begin(key);
  commit(one, first);
  const auto two = begin(key, Fence(one.fence.value() - 1));
  commit(two, second);

  EXPECT_NE(two.record.processed, std::nullopt);
  EXPECT_EQ(two.definition, nullptr);
  ASSERT_EQ(two.tasks.size(), 2u);  // the pass's own writes come back
  const auto three = begin(key, one.fence);
  ASSERT_EQ(three.tasks.size(), 1u);
  EXPECT_EQ(three.tasks[0].task, 1u);
  EXPECT_EQ(three.tasks[0].job, JobId("job-3"));
  EXPECT_TRUE(begin(key, two.fence, "r1", 1).tasks.empty());
}

TEST_P(StoreContract, a_task_record_comes_back_as_it_was_written) {
  const auto key = create();
  core::Decision decision;
  auto plain = pending_task(1, "job-1");
  decision.tasks = {full_record(0), plain, aborted_task(2)};
  const auto ticket = begin(key);
  commit(ticket, decision);

  const auto read = begin(key, Fence(ticket.fence.value() - 1)).tasks;

  ASSERT_EQ(read.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(content_of(read[i]), content_of(decision.tasks[i]));
  const auto seen = good(store().tasks(key, Fence::none()));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(content_of(seen[i].record), content_of(decision.tasks[i]));
}

TEST_P(StoreContract, tasks_can_be_read_since_a_fence) {
  const auto key = create();
  core::Decision decision;
  decision.tasks = {pending_task(1, "job-1")};
  const auto ticket = begin(key);
  commit(ticket, decision);

  const auto changed = good(store().tasks(key, Fence(ticket.fence.value() - 1)));

  ASSERT_EQ(changed.size(), 1u);
  EXPECT_EQ(changed[0].node, NodeId("b"));
  EXPECT_TRUE(good(store().tasks(key, ticket.fence)).empty());
}

TEST_P(StoreContract, the_run_is_written_as_decided) {
  const auto key = create();
  core::Decision decision;
  decision.result = State::started;
  decision.started = now() - 1s;
  decision.wake_at = now() + 5s;

  commit(begin(key), decision);

  auto run = view(key);
  EXPECT_EQ(run.record.result, State::started);
  EXPECT_EQ(run.record.started, now() - 1s);
  EXPECT_EQ(run.record.ended, std::nullopt);
  EXPECT_EQ(run.wake_at, now() + 5s);
  decision.wake_at.reset();
  decision.ended = now();
  commit(begin(key), decision);
  run = view(key);
  EXPECT_EQ(run.record.ended, now());
  EXPECT_EQ(run.wake_at, std::nullopt);
}

TEST_P(StoreContract, a_commit_with_an_old_fence_writes_nothing) {
  const auto key = create();
  wake(key);
  const auto old = begin(key);
  pass_time(1min);
  const auto newer = begin(key);
  core::Decision decision;
  decision.tasks = {pending_task(0, "job-1")};
  decision.attempts = {open_attempt(0, "job-1")};
  decision.result = State::pending;
  decision.wake_at = now() + 1h;

  const auto refused = error(store().commit(old, decision));

  EXPECT_EQ(refused.code, "store.fenced");
  EXPECT_EQ(refused.where, "pending");
  EXPECT_EQ(view(key).record.result, State::published);
  EXPECT_NE(view(key).wake_at, decision.wake_at);
  EXPECT_EQ(good(store().tasks(key, Fence::none()))[0].record.state, State::published);
  EXPECT_TRUE(good(store().attempts(key, std::nullopt)).empty());
  EXPECT_FALSE(commit(newer).woken);
}

TEST_P(StoreContract, a_fenced_commit_tells_when_nothing_is_pending_any_more) {
  const auto key = create();
  wake(key);
  const auto old = begin(key);
  pass_time(1min);
  commit(begin(key));

  const auto refused = error(store().commit(old, {}));

  EXPECT_EQ(refused.code, "store.fenced");
  EXPECT_EQ(refused.where, "");
}

TEST_P(StoreContract, a_commit_to_a_run_that_is_gone_is_fenced) {
  core::Ticket ticket;
  ticket.run = RunId(99);
  ticket.fence = Fence(1);

  const auto refused = error(store().commit(ticket, {}));

  EXPECT_EQ(refused.code, "store.fenced");
  EXPECT_EQ(refused.where, "");
}

TEST_P(StoreContract, a_commit_whose_answer_was_lost_comes_back_with_the_next_ticket) {
  const auto key = create();
  core::Decision decision;
  decision.tasks = {pending_task(0, "job-1")};
  const auto ticket = begin(key);
  commit(ticket, decision);  // and the answer never came: `known` is still what it was before

  EXPECT_EQ(begin(key, Fence(ticket.fence.value() - 1)).tasks.size(), 1u);
  EXPECT_EQ(begin(key, Fence::none(), "r2", 1).tasks.size(), 3u);
}

TEST_P(StoreContract, attempts_are_rows_by_task_and_attempt) {
  const auto key = create();
  core::Decision decision;
  auto full = ended_attempt(1, "job-full", core::Owed::release, 2);
  full.why = "retry: exit 1";
  full.outcome = core::Outcome::failed;
  full.submitted = now();
  full.started = now() + 1s;
  full.ended = now() + 2s;
  full.exit_code = 1;
  full.log = "/log/2";
  full.errors = {{.code = "runtime.exit", .what = "exit 1", .where = "b", .way_out = "look"}};
  decision.attempts = {full, open_attempt(1, "job-2", 1), open_attempt(0, "job-1")};
  commit(begin(key), decision);

  const auto all = good(store().attempts(key, std::nullopt));
  const auto of_b = good(store().attempts(key, NodeId("b")));

  const std::vector<core::AttemptRecord> expected{open_attempt(0, "job-1"), open_attempt(1, "job-2", 1), full};
  EXPECT_EQ(all, expected);
  EXPECT_EQ(of_b, (std::vector<core::AttemptRecord>{open_attempt(1, "job-2", 1), full}));
  EXPECT_TRUE(good(store().attempts(key, NodeId("nobody"))).empty());
}

TEST_P(StoreContract, an_attempt_is_written_again_when_it_ends) {
  const auto key = create();
  start_first(key, "job-1");
  core::Decision decision;
  auto ended = ended_attempt(0, "job-1", core::Owed::release);
  ended.ended = now();
  ended.why.clear();  // an end does not repeat why the attempt began
  decision.attempts = {ended};
  const auto ticket = begin(key);
  commit(ticket, decision);

  ended.why = "planned";
  EXPECT_EQ(good(store().attempts(key, std::nullopt)), std::vector{ended});
  const auto owed = begin(key, Fence(ticket.fence.value() - 1)).owed;
  ASSERT_EQ(owed.size(), 1u);
  EXPECT_EQ(owed[0],
            (core::OwedRecord{.task = 0, .attempt = 1, .job = JobId("job-1"), .owed = core::Owed::release, .since = now()}));
}

TEST_P(StoreContract, what_was_settled_is_told_once_more_and_then_no_more) {
  const auto key = create();
  core::Decision ends, settles;
  ends.attempts = {ended_attempt(0, "job-1", core::Owed::release)};
  settles.settle = {JobId("job-1")};
  commit(begin(key), ends);
  const auto ticket = begin(key);
  commit(ticket, settles);

  const auto next = begin(key, Fence(ticket.fence.value() - 1)).owed;

  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next[0].owed, core::Owed::nothing);
  EXPECT_TRUE(begin(key, Fence::none(), "r1", 1).owed.empty());
}

TEST_P(StoreContract, a_final_run_that_owes_nothing_is_not_open_and_its_passes_are_over) {
  const auto key = create();
  wake(key);
  end(key);
  const auto fence = view(key).fence;

  const auto refused = StoreContract::refused(key);

  EXPECT_EQ(refused.code, "store.ended");
  EXPECT_FALSE(view(key).open);
  EXPECT_FALSE(pending(key));
  EXPECT_EQ(view(key).fence, fence);
}

TEST_P(StoreContract, a_final_run_is_open_until_what_it_owes_is_settled) {
  const auto key = create();
  core::Decision ends, settles;
  ends.tasks = {aborted_task(0), aborted_task(1), aborted_task(2)};
  ends.attempts = {ended_attempt(0, "job-1", core::Owed::release)};
  ends.result = settles.result = State::aborted;
  settles.settle = {JobId("job-1")};

  EXPECT_TRUE(commit(begin(key), ends).open);
  EXPECT_TRUE(view(key).open);
  EXPECT_FALSE(commit(begin(key), settles).open);
  EXPECT_FALSE(view(key).open);
}

TEST_P(StoreContract, a_final_run_is_open_while_its_mark_is_pending) {
  const auto key = create();
  const auto ticket = begin(key);
  wake(key);
  core::Decision ends;
  ends.result = State::aborted;

  const auto committed = commit(ticket, ends);

  EXPECT_TRUE(committed.woken);
  EXPECT_TRUE(committed.open);
  EXPECT_FALSE(commit(begin(key), ends).open);
  EXPECT_FALSE(pending(key));
}

TEST_P(StoreContract, progress_rises_and_is_of_the_live_job_alone) {
  const auto key = create();
  start_first(key, "job-1");
  const auto progress = [&](Index task, const std::string& job, double value) {
    done(store().write_progress({{.run = key, .task = task, .job = JobId(job), .progress = value}}));
    return good(store().tasks(key, Fence::none()))[0].progress;
  };

  EXPECT_EQ(progress(0, "another", 0.5), std::nullopt);
  EXPECT_EQ(progress(0, "job-1", 0.25), 0.25);
  EXPECT_EQ(progress(0, "job-1", 0.125), 0.25);
  EXPECT_EQ(progress(1, "job-1", 0.5), 0.25);
  EXPECT_EQ(progress(9, "job-1", 0.5), 0.25);
  EXPECT_EQ(progress(0, "job-1", 7), 1.0);
}

TEST_P(StoreContract, progress_ends_with_its_attempt_and_begins_anew_with_the_next) {
  const auto key = create();
  start_first(key, "job-1");
  done(store().write_progress({{.run = key, .task = 0, .job = JobId("job-1"), .progress = 0.5}}));
  core::Decision again;
  again.tasks = {pending_task(0, "job-2", 2)};
  commit(begin(key), again);

  EXPECT_EQ(good(store().tasks(key, Fence::none()))[0].progress, std::nullopt);
  done(store().write_progress({{.run = key, .task = 0, .job = JobId("job-2"), .progress = 0.25}}));
  auto ended = aborted_task(0);
  ended.job = JobId("job-2");
  again.tasks = {ended};
  commit(begin(key), again);
  done(store().write_progress({{.run = key, .task = 0, .job = JobId("job-2"), .progress = 0.75}}));
  EXPECT_EQ(good(store().tasks(key, Fence::none()))[0].progress, 1) << "it is over";
}

TEST_P(StoreContract, what_is_over_is_all_done_however_it_ended) {
  const auto key = create();
  auto failed = aborted_task(1);
  failed.state = State::failed;
  core::Decision decision;
  decision.tasks = {full_record(0), failed, aborted_task(2)};
  commit(begin(key), decision);

  for (const auto& task : good(store().tasks(key, Fence::none()))) EXPECT_EQ(task.progress, 1) << task.record.task;
}

TEST_P(StoreContract, progress_is_written_outside_the_fence_and_wakes_nobody) {
  const auto key = create();
  start_first(key, "job-1");
  const auto ticket = begin(key);

  done(store().write_progress({{.run = key, .task = 0, .job = JobId("job-1"), .progress = 0.5}}));

  EXPECT_FALSE(commit(ticket).woken);
  EXPECT_TRUE(begin(key, ticket.fence).tasks.empty());
}

}  // namespace
}  // namespace baton::test
