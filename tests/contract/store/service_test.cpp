// What a service needs beside passes: projects, requests, quarantine, messages, watching, who lives.
#include "contract/store/fixture.hpp"

namespace baton::test {
namespace {

using Keys = std::vector<RunKey>;

ProjectDocument a_project(const std::string& name = "first") {
  return {.id = ProjectId("p"), .user = UserId(1), .name = name, .document = R"({"name": "x", "steps": {"a\u0000": [1, 2]}})"};
}

core::Announcement run_failed(core::Instant at) {
  return {.what = core::Told::run_result, .state = State::failed, .text = "it failed", .level = 40, .at = at};
}
core::Announcement task_stopped(core::Instant at) {
  return {.what = core::Told::task_stopped, .task = 1, .state = State::aborted, .attempt = 2, .platform_ok = false, .at = at};
}
core::Announcement task_started(core::Instant at) {
  return {.what = core::Told::task_started,
          .task = 0,
          .state = State::started,
          .attempt = 1,
          .resources = {{"cpu", 0.1}, {"my \"own\"", 3}},
          .at = at};
}

// ---- projects and requests ----------------------------------------------------------------------------------------------

TEST_P(StoreContract, a_project_comes_back_as_it_was_given) {
  done(store().put_project(a_project()));

  const auto project = good(store().project(ProjectId("p")));

  EXPECT_EQ(project.id, ProjectId("p"));
  EXPECT_EQ(project.user, UserId(1));
  EXPECT_EQ(project.name, "first");
  EXPECT_EQ(project.document, a_project().document);
}

TEST_P(StoreContract, its_user_may_replace_a_project_and_nobody_else) {
  done(store().put_project(a_project()));
  done(store().put_project(a_project("second")));
  auto of_another = a_project("third");
  of_another.user = UserId(2);

  EXPECT_EQ(error(store().project(ProjectId("q"))).code, "store.not_found");
  const auto answer = wait(store().put_project(of_another));

  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, "store.not_yours");
  EXPECT_EQ(good(store().project(ProjectId("p"))).name, "second");
}

TEST_P(StoreContract, a_run_makes_no_project) {
  create("p");

  EXPECT_EQ(error(store().project(ProjectId("p"))).code, "store.not_found");
  auto of_another = a_project();
  of_another.user = UserId(2);
  done(store().put_project(of_another));
}

TEST_P(StoreContract, the_same_request_finds_the_run_that_it_began) {
  auto run = a_run();
  run.collection = "request-1";
  const auto key = good(store().create_run(run));
  end(key);
  run.uuid = RunUuid("another");

  const auto refused = error(store().create_run(run));

  EXPECT_EQ(refused.code, "store.run_exists");
  EXPECT_EQ(refused.where, "1:p:1");
  EXPECT_EQ(view(key).collection, "request-1");
  run.project = ProjectId("q");
  EXPECT_EQ(good(store().create_run(run)).project, ProjectId("q"));
}

// ---- quarantine ---------------------------------------------------------------------------------------------------------

TEST_P(StoreContract, held_runs_are_found_and_a_released_one_goes_on) {
  const auto key = create("p1");
  create("p2");
  for (int i = 0; i < 5; ++i) fail_a_pass(key);
  EXPECT_TRUE(good(store().held(10)).empty());
  pass_time(61s);
  ASSERT_EQ(refused(key).code, "store.held");
  const auto held = good(store().held(10));
  ASSERT_EQ(held.size(), 1u);
  EXPECT_EQ(held[0].key, key);
  EXPECT_TRUE(held[0].record.held);
  EXPECT_NE(held[0].last_failure, "");

  EXPECT_TRUE(good(store().release_held(key)).publish);

  EXPECT_TRUE(good(store().held(10)).empty());
  EXPECT_EQ(view(key).wake_at, std::nullopt);
  EXPECT_EQ(view(key).last_failure, "");
  EXPECT_TRUE(pending(key));
  EXPECT_FALSE(begin(key).record.held);
  EXPECT_EQ(view(key).wake_at, now() + 200ms);  // no failure is left
}

TEST_P(StoreContract, a_run_that_is_not_held_cannot_be_released) {
  const auto key = create();
  wake(key);
  const auto mark = view(key).scheduled;

  EXPECT_FALSE(good(store().release_held(key)).publish);

  EXPECT_EQ(view(key).scheduled, mark);
  EXPECT_EQ(error(store().release_held({UserId(1), ProjectId("p"), Iteration(9)})).code, "store.not_found");
}

// ---- who lives ----------------------------------------------------------------------------------------------------------

TEST_P(StoreContract, a_replica_is_gone_once_it_had_joined_and_lives_no_more) {
  done(store().join(ReplicaId("r1")));
  done(store().join(ReplicaId("r1")));
  EXPECT_FALSE(good(store().is_gone(ReplicaId("r1"))));

  declare_gone("r1");

  EXPECT_TRUE(good(store().is_gone(ReplicaId("r1"))));
  done(store().join(ReplicaId("r1")));
  EXPECT_FALSE(good(store().is_gone(ReplicaId("r1"))));
}

TEST_P(StoreContract, who_never_joined_is_not_gone) {
  done(store().join(ReplicaId("r1")));
  for (const auto* name : {"r2", "", "locked since 2026-11-24 12:00:00.000000+00:00 by director-v2 on host"})
    EXPECT_FALSE(good(store().is_gone(ReplicaId(name)))) << name;
}

TEST_P(StoreContract, a_wake_up_tells_who_follows_the_run) {
  const auto key = create();
  EXPECT_EQ(wake(key).follower, ReplicaId());
  commit(begin(key, Fence::none(), "r1"));
  begin(key, Fence::none(), "r2");

  EXPECT_EQ(wake(key).follower, ReplicaId("r1"));
  EXPECT_EQ(good(store().desire(key, core::Desire::cancel)).follower, ReplicaId("r1"));
  EXPECT_EQ(view(key).follower, ReplicaId("r1"));
}

// ---- watching -----------------------------------------------------------------------------------------------------------

TEST_P(StoreContract, watched_runs_tell_when_their_fence_has_grown_or_they_are_gone) {
  const auto still = create("p1");
  const auto moved = create("p2");
  const RunKey nobody{UserId(1), ProjectId("p3"), Iteration(1)};
  const auto before = view(moved).fence;
  commit(begin(moved));

  const auto changed = good(store().changed(
      {{.run = nobody, .known = Fence(5)}, {.run = still, .known = view(still).fence}, {.run = moved, .known = before}}));

  EXPECT_EQ(changed, (Keys{nobody, moved}));
  EXPECT_TRUE(good(store().changed({})).empty());
  EXPECT_TRUE(good(store().changed({{.run = moved, .known = view(moved).fence}})).empty());
}

// ---- messages -----------------------------------------------------------------------------------------------------------

TEST_P(StoreContract, what_a_commit_announces_waits_in_the_outbox_until_it_was_told) {
  if (!has_outbox()) GTEST_SKIP() << "this store keeps no outbox";
  auto run = a_run();
  run.metadata = R"({"a": 1})";
  const auto key = good(store().create_run(run));
  const auto ticket = begin(key);
  core::Decision decision;
  decision.result = State::started;
  decision.announcements = {run_failed(now()), task_stopped(now() + 1s), task_started(now())};

  const auto committed = commit(ticket, decision);

  ASSERT_EQ(committed.messages.size(), 3u);
  const auto& first = committed.messages[0];
  EXPECT_EQ(first.run, key);
  EXPECT_EQ(first.run_id, ticket.run);
  EXPECT_EQ(first.fence, ticket.fence);
  EXPECT_EQ(first.n, 0);
  EXPECT_EQ(first.node, NodeId());
  EXPECT_EQ(first.metadata, run.metadata);
  EXPECT_EQ(first.what, run_failed(now()));
  EXPECT_EQ(committed.messages[1].n, 1);
  EXPECT_EQ(committed.messages[1].node, NodeId("b"));
  EXPECT_LT(first.id, committed.messages[1].id);
  EXPECT_TRUE(good(store().outbox(5s, 10)).empty());
  pass_time(5s);
  const auto waiting = good(store().outbox(5s, 10));
  ASSERT_EQ(waiting.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(waiting[i].id, committed.messages[i].id);
    EXPECT_EQ(waiting[i].run, key);
    EXPECT_EQ(waiting[i].run_id, ticket.run);
    EXPECT_EQ(waiting[i].fence, ticket.fence);
    EXPECT_EQ(waiting[i].n, committed.messages[i].n);
    EXPECT_EQ(waiting[i].node, committed.messages[i].node);
    EXPECT_EQ(waiting[i].metadata, run.metadata);
    EXPECT_EQ(waiting[i].what, committed.messages[i].what);
  }
  EXPECT_EQ(good(store().outbox(5s, 1)).size(), 1u);

  done(store().told({first.name(), {.number = 4711, .fence = first.fence}}));

  EXPECT_EQ(good(store().outbox(0s, 10)).size(), 2u);
  done(store().told({}));
  EXPECT_TRUE(view(key).open);
}

TEST_P(StoreContract, a_final_run_is_open_until_its_messages_were_told) {
  if (!has_outbox()) GTEST_SKIP() << "this store keeps no outbox";
  const auto key = create();
  core::Decision ends;
  ends.result = State::failed;
  ends.announcements = {run_failed(now()), run_failed(now())};

  const auto committed = commit(begin(key), ends);

  EXPECT_TRUE(committed.open);
  done(store().told({committed.messages[0].name()}));
  EXPECT_TRUE(view(key).open);
  done(store().told({committed.messages[1].name()}));
  EXPECT_FALSE(view(key).open);
}

TEST_P(StoreContract, told_messages_do_not_close_a_run_that_owes_something_else) {
  if (!has_outbox()) GTEST_SKIP() << "this store keeps no outbox";
  const auto owing = create("p1");
  core::Decision ends;
  ends.result = State::failed;
  ends.attempts = {ended_attempt(0, "job-1", core::Owed::release)};
  ends.announcements = {run_failed(now())};
  const auto of_owing = commit(begin(owing), ends);
  const auto pending_run = create("p2");
  const auto ticket = begin(pending_run);
  wake(pending_run);
  ends.attempts.clear();
  const auto of_pending = commit(ticket, ends);

  done(store().told({of_owing.messages[0].name(), of_pending.messages[0].name()}));

  EXPECT_TRUE(view(owing).open);
  EXPECT_TRUE(view(pending_run).open);
}

TEST_P(StoreContract, a_fenced_commit_announces_nothing) {
  const auto key = create();
  const auto old = begin(key);
  begin(key, Fence::none(), "r2", 1);
  core::Decision decision;
  decision.announcements = {run_failed(now())};

  EXPECT_EQ(error(store().commit(old, decision)).code, "store.fenced");

  if (has_outbox()) EXPECT_TRUE(good(store().outbox(0s, 10)).empty());
}

}  // namespace
}  // namespace baton::test
