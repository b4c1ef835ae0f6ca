// Design §6: which runs are due, and whose replica is gone.
#include "contract/store/fixture.hpp"

namespace baton::test {
namespace {

using Keys = std::vector<RunKey>;

TEST_P(StoreContract, a_run_that_was_never_marked_is_due) {
  const auto key = create();

  EXPECT_EQ(due(), Keys{key});

  EXPECT_TRUE(pending(key));
  EXPECT_TRUE(due().empty());
}

TEST_P(StoreContract, a_run_is_due_when_its_wake_at_is_reached_and_only_once) {
  const auto key = create();
  commit(begin(key), {.wake_at = now() + 5s});
  wake(key);
  commit(begin(key), {.wake_at = now() + 5s});
  pass_time(5s - 1us);
  EXPECT_TRUE(due().empty());
  pass_time(1us);

  EXPECT_EQ(due(), Keys{key});

  EXPECT_TRUE(pending(key));
  EXPECT_TRUE(due().empty());
}

TEST_P(StoreContract, a_run_is_due_when_nobody_visited_it_for_long) {
  const auto key = create();
  wake(key);
  commit(begin(key));
  pass_time(9min);
  EXPECT_TRUE(due({.revisit = 10min}).empty());
  pass_time(1min);

  EXPECT_EQ(due({.revisit = 10min}), Keys{key});
  EXPECT_TRUE(pending(key));
}

TEST_P(StoreContract, a_pending_run_is_published_again_under_its_mark_when_its_message_seems_lost) {
  const auto key = create();
  wake(key);
  const auto mark = view(key).scheduled;
  pass_time(15s - 1us);
  EXPECT_TRUE(due().empty());
  pass_time(1us);

  EXPECT_EQ(due(), Keys{key});

  EXPECT_EQ(view(key).scheduled, mark);
}

TEST_P(StoreContract, a_backlog_is_published_again_more_and_more_seldom) {
  const auto key = create();
  wake(key);
  for (const auto wait : {15s, 30s, 60s, 120s, 240s, 480s, 600s, 600s}) {
    pass_time(wait - 1us);
    EXPECT_TRUE(due().empty());
    pass_time(1us);
    EXPECT_EQ(due(), Keys{key});
  }
}

TEST_P(StoreContract, wake_ups_do_not_put_off_the_search_for_a_lost_message) {
  const auto key = create();
  wake(key);
  for (int i = 0; i < 3; ++i) {
    pass_time(5s);
    wake(key);
  }

  EXPECT_EQ(due(), Keys{key});
}

TEST_P(StoreContract, a_woken_commit_that_nobody_followed_up_is_published_again) {
  const auto key = create();
  wake(key);
  const auto ticket = begin(key);
  wake(key);
  pass_time(10s);
  commit(ticket);
  pass_time(14s);
  EXPECT_TRUE(due().empty());
  pass_time(1s);

  EXPECT_EQ(due(), Keys{key});
}

TEST_P(StoreContract, a_pending_run_is_due_when_its_back_off_is_over) {
  const auto key = create();
  wake(key);
  begin(key);
  ASSERT_EQ(refused(key).code, "store.backing_off");
  EXPECT_TRUE(due().empty());
  pass_time(200ms);

  EXPECT_EQ(due(), Keys{key});
  EXPECT_TRUE(due().empty());
}

TEST_P(StoreContract, a_run_that_is_not_open_is_never_due) {
  const auto key = create();
  end(key);
  pass_time(24h);

  EXPECT_TRUE(due().empty());
}

TEST_P(StoreContract, a_final_run_that_owes_something_is_due) {
  const auto key = create();
  wake(key);
  core::Decision ends;
  ends.attempts = {ended_attempt(0, "job-1", core::Owed::release)};
  ends.result = State::aborted;
  ends.wake_at = now() + 5s;
  commit(begin(key), ends);
  pass_time(5s);

  EXPECT_EQ(due(), Keys{key});
}

TEST_P(StoreContract, a_held_run_is_left_alone_until_something_is_desired) {
  const auto key = create();
  for (int i = 0; i < 5; ++i) fail_a_pass(key);
  pass_time(61s);
  ASSERT_EQ(refused(key).code, "store.held");
  pass_time(24h);
  EXPECT_TRUE(due().empty());
  good(store().desire(key, core::Desire::cancel));
  pass_time(15s);

  EXPECT_EQ(due(), Keys{key});
}

TEST_P(StoreContract, runs_that_are_not_due_hide_none_that_are) {
  Keys keys;
  for (const auto* project : {"p1", "p2", "p3", "p4"}) keys.push_back(create(project));
  for (std::size_t i = 0; i < 3; ++i) {
    wake(keys[i]);
    commit(begin(keys[i]));
  }

  EXPECT_EQ(due({}, 1), Keys{keys[3]});
}

TEST_P(StoreContract, at_most_so_many_are_due_at_once_and_the_others_the_next_time) {
  const Keys keys{create("p1"), create("p2"), create("p3")};

  EXPECT_EQ(due({}, 2), (Keys{keys[0], keys[1]}));
  EXPECT_EQ(view(keys[2]).scheduled, std::nullopt);
  EXPECT_EQ(due({}, 2), Keys{keys[2]});
}

TEST_P(StoreContract, a_run_whose_follower_is_gone_is_an_orphan_once) {
  done(store().join(ReplicaId("r1")));
  done(store().join(ReplicaId("r2")));
  const auto of_the_gone = create("p1");
  const auto of_the_living = create("p2");
  wake(of_the_gone);
  commit(begin(of_the_gone, Fence::none(), "r1"));
  commit(begin(of_the_living, Fence::none(), "r2"));
  EXPECT_TRUE(good(store().orphans(10)).empty());
  declare_gone("r1");

  EXPECT_EQ(good(store().orphans(10)), Keys{of_the_gone});

  EXPECT_TRUE(pending(of_the_gone));
  EXPECT_TRUE(good(store().orphans(10)).empty());
}

TEST_P(StoreContract, the_follower_of_a_run_is_who_committed_last) {
  done(store().join(ReplicaId("r1")));
  done(store().join(ReplicaId("r2")));
  const auto key = create();
  commit(begin(key, Fence::none(), "r1"));
  begin(key, Fence::none(), "r2");  // and did not commit: r1 still follows the jobs
  declare_gone("r1");

  EXPECT_EQ(good(store().orphans(10)), Keys{key});
}

TEST_P(StoreContract, a_run_that_nobody_followed_or_that_is_over_is_no_orphan) {
  done(store().join(ReplicaId("r1")));
  create("p1");
  end(create("p2"));
  declare_gone("r1");

  EXPECT_TRUE(good(store().orphans(10)).empty());
}

TEST_P(StoreContract, a_replica_that_joins_again_lives) {
  done(store().join(ReplicaId("r1")));
  commit(begin(create(), Fence::none(), "r1"));
  declare_gone("r1");
  done(store().join(ReplicaId("r1")));

  EXPECT_TRUE(good(store().orphans(10)).empty());
}

TEST_P(StoreContract, at_most_so_many_orphans_at_once_and_the_others_the_next_time) {
  done(store().join(ReplicaId("r1")));
  const Keys keys{create("p1"), create("p2")};
  for (const auto& key : keys) commit(begin(key, Fence::none(), "r1"));
  declare_gone("r1");

  EXPECT_EQ(good(store().orphans(1)), Keys{keys[0]});
  EXPECT_EQ(good(store().orphans(1)), Keys{keys[1]});
}

}  // namespace
}  // namespace baton::test
