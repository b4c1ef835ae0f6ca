// Where the reference is weak (docs/conformance.md): each as a scene that goes well here, and fails when the rule of ours that carries it is
// broken (tests/scripts/test_weaknesses.py).
#include <gtest/gtest.h>

#include "house.hpp"
#include "scheduling/names.hpp"

namespace baton {
namespace {

using namespace std::chrono_literals;
using core::State;
using test::House;
using test::Replica;

// ---- W01: what comes while a pass is under way -------------------------------------------------------------------------------

/// t2 ends at 400 ms, and the pass that it causes takes 300 ms; t0 ends in its middle, and t1 waits for that. How long from the end of
/// t0 to the beginning of t1?
core::Duration hand_over_under_a_pass() {
  House house;
  auto& replica = house.replica();
  house.fates["t0"].runs = 500ms;
  house.fates["t2"].runs = 400ms;
  const auto run = house.create({{}, {0}, {}});
  replica.worker.wakeups().wake(run, {});
  house.until([&] { return house.begun.size() == 2; });
  const auto began = house.begun_at("t0");
  house.until([&] { return house.world.now() >= began + 300ms; });
  replica.store.commit_takes = 300ms;
  house.until([&] { return house.beginnings("t1") > 0; }, 1min);
  return house.begun_at("t1") == World::forever ? World::forever : house.begun_at("t1") - (began + 500ms);
}

TEST(Weakness, W01_an_end_under_a_pass_is_taken_up_by_the_next_at_once) { EXPECT_LT(hand_over_under_a_pass(), 600ms); }

TEST(Weakness, W01_a_cancel_under_a_pass_takes_effect_at_once) {
  House house;
  auto& replica = house.replica();
  house.fates["t0"].runs = 1h;
  house.fates["t1"].runs = 400ms;
  const auto run = house.create({{}, {}});
  replica.worker.wakeups().wake(run, {});
  house.until([&] { return house.begun.size() == 2; });
  house.pass_time(300ms);
  replica.store.commit_takes = 300ms;
  int under_way = 0;
  replica.store.before_commit = [&] { ++under_way; };
  ASSERT_TRUE(house.until([&] { return under_way == 1; }, 5s));
  house.stop_the(run, replica);
  const auto asked = house.world.now();
  ASSERT_TRUE(house.until([&] { return house.cluster.executing().empty(); }, 1min));
  EXPECT_LT(house.world.now() - asked, 700ms);
}

// ---- W03: stopped between the commit and the submission ----------------------------------------------------------------------

/// The replica dies before it has sent anything, and the next one goes on. How often does each job begin?
TEST(Weakness, W03_a_death_between_commit_and_submit_loses_and_doubles_nothing) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    House house(seed);
    auto& first = house.replica();
    first.cluster.submit_takes = seed % 2 == 0 ? 1s : 0s;
    const auto run = house.create({{}, {}, {0, 1}});
    first.worker.wakeups().wake(run, {});
    // The rows say PENDING, and nothing may have arrived.
    ASSERT_TRUE(house.until([&] { return house.task(run, 0).state == State::pending; }, 10s));
    house.kill(first);
    house.replica();
    ASSERT_TRUE(house.ends(run, 1min));
    EXPECT_EQ(house.view(run).record.result, State::success);
    for (const auto* node : {"t0", "t1", "t2"}) EXPECT_EQ(house.beginnings(node), 1) << node << ", seed " << seed;
  }
}

// ---- W05: who has lost the lock -----------------------------------------------------------------------------------------

TEST(Weakness, W05_an_old_lease_neither_renews_nor_frees_the_new_one_of_the_same_replica) {
  House house;
  auto& replica = house.replica({.manages = false});
  const auto first = *house.world.look(replica.lock.acquire("a run", 10s));
  house.locks.expire("a run");
  const auto second = *house.world.look(replica.lock.acquire("a run", 10s));
  EXPECT_NE(first.token, second.token);
  const auto renewed = house.world.look(replica.lock.renew(first, 10s));
  ASSERT_FALSE(renewed.has_value());
  EXPECT_EQ(renewed.error().code, "lock.lost");
  house.world.look([](Lock& lock, Lease lease) -> awaitable<int> {
    co_await lock.release(std::move(lease));
    co_return 0;
  }(replica.lock, first));
  EXPECT_TRUE(house.locks.is_held("a run"));
}

/// The first is paused before its commit for longer than the lock lives; the second goes on meanwhile, and the run is over when the first wakes.
TEST(Weakness, W06_who_was_away_for_longer_than_its_lock_writes_nothing) {
  House house;
  auto& first = house.replica();
  const auto run = house.create({{}, {0}});
  first.store.commit_takes = 2min;
  bool paused = false;
  first.store.before_commit = [&] { paused = true; };
  first.lock.forgets = true;  // as of a process that is stopped
  first.worker.wakeups().wake(run, {});
  ASSERT_TRUE(house.until([&] { return paused; }));
  auto& second = house.replica();
  second.worker.wakeups().wake(run, {});
  ASSERT_TRUE(house.ends(run, 1min));
  const auto ended = house.view(run);

  ASSERT_TRUE(house.until([&] { return first.store.fenced > 0; }, 5min));

  EXPECT_EQ(house.view(run).fence, ended.fence);
  EXPECT_EQ(house.view(run).record.result, State::success);
  for (const Index task : {0U, 1U}) EXPECT_EQ(house.task(run, task).state, State::success);
  for (const auto* node : {"t0", "t1"}) EXPECT_EQ(house.beginnings(node), 1) << node;
}

TEST(Weakness, W06_a_pass_that_takes_longer_than_its_lock_lives_keeps_it) {
  House house;
  const auto run = house.create({{}});
  for (int i = 0; i < 2; ++i) house.replica().store.begin_takes = 25s;
  for (const auto& replica : house.replicas) {
    replica->worker.wakeups().wake(run, {});
    static_cast<void>(house.world.look(house.replicas[0]->queue.publish({run})));
  }
  ASSERT_TRUE(house.ends(run, 5min));
  for (const auto& replica : house.replicas) EXPECT_EQ(replica->store.fenced, 0);
}

// ---- W18, W20: the broker and the store go away -------------------------------------------------------------------------------

TEST(Weakness, W18_a_run_whose_maker_died_before_it_published_begins_within_a_tick) {
  House house;
  const auto run = house.create({{}});
  house.replica();
  house.replica();
  ASSERT_TRUE(house.ends(run, 1min));
  EXPECT_LT(house.begun_at("t0"), 5s + 100ms);
}

TEST(Weakness, W18_a_broker_that_is_back_has_the_messages_that_it_did_not_take) {
  House house;
  auto& replica = house.replica({.manages = false});
  replica.queue.away = true;
  const auto run = house.create({{}});
  replica.worker.wakeups().wake(run, {});
  house.pass_time(10min);
  EXPECT_TRUE(house.begun.empty());
  replica.queue.away = false;
  ASSERT_TRUE(house.ends(run, 1min));
}

TEST(Weakness, W19_clocks_of_replicas_that_differ_by_hours_change_nothing) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    House house(seed);
    auto& early = house.replica({.skew = -5h});
    house.replica({.skew = 5h});
    const auto run = house.create({{}, {0}, {1}});
    early.worker.wakeups().wake(run, {});
    ASSERT_TRUE(house.ends(run, 1min));
    EXPECT_LT(house.world.now(), 5s) << "seed " << seed;
    const auto view = house.view(run);
    EXPECT_LE(*view.scheduled, *view.processed);
    EXPECT_LT(*view.record.ended - view.record.created, 5s) << "the store's clock alone";
  }
}

TEST(Weakness, W20_a_message_is_never_given_up_however_long_the_store_is_away) {
  House house;
  auto& replica = house.replica({.manages = false});
  const auto run = house.create({{}});
  const auto marked = house.world.look(house.store.wake(run, {}));
  ASSERT_TRUE(marked->publish);
  replica.store.away = true;
  const auto published = house.world.look(replica.broker->publish({run}));
  ASSERT_TRUE(published.has_value());
  house.pass_time(1h);
  EXPECT_TRUE(house.broker.holds(run));
  replica.store.away = false;
  const auto back = house.world.now();
  ASSERT_TRUE(house.until([&] { return !house.begun.empty(); }, 1min));
  EXPECT_LT(house.world.now() - back, 1s);
}

// ---- W21, W22: runs that never succeed, and storms of wake-ups ------------------------------------------------------------------

TEST(Weakness, W21_a_run_that_kills_whoever_visits_it_is_held_after_five_deaths_and_others_go_on) {
  House house;
  const auto poison = house.create({{}}, "poison");
  std::vector<core::Duration> deaths;
  const auto serve = [&house, &deaths, id = house.view(poison).id] {
    auto& replica = house.replica();
    replica.store.dies = [&house, &deaths, &replica, id](const core::Ticket& ticket) {
      if (ticket.run != id) return false;
      deaths.push_back(house.world.now());
      house.kill(replica);
      return true;
    };
  };
  serve();
  const auto held = [&] {
    if (!house.world.alive(house.replicas.back()->who)) serve();
    return house.view(poison).record.held || deaths.size() > 10;
  };
  ASSERT_TRUE(house.until(held, 1h));
  EXPECT_EQ(deaths.size(), 5u);
  EXPECT_GT(deaths.back() - deaths.front(), 2900ms) << "each later than the one before";
  const auto other = house.create({{}}, "other");
  house.replicas.back()->worker.wakeups().wake(other, {});
  EXPECT_TRUE(house.ends(other, 1min));
}

TEST(Weakness, W22_a_thousand_wake_ups_are_two_updates_and_one_message) {
  House house;
  auto& replica = house.replica({.manages = false});
  house.fates["t0"].runs = 1h;
  const auto run = house.create({{}});
  for (int i = 0; i < 1000; ++i) replica.worker.wakeups().wake(run, {});
  house.pass_time(1s);
  EXPECT_LE(replica.store.wakes, 2);
  EXPECT_LE(replica.queue.published.size(), 2u);
  EXPECT_LE(replica.store.passes, 3);
}

TEST(Weakness, W22_a_backlog_is_not_fed) {
  House house;
  auto& replica = house.replica({.concurrency = 1});
  replica.store.commit_takes = 30s;  // one worker, a pass takes 30 s, twenty runs wait
  for (int i = 0; i < 20; ++i) replica.worker.wakeups().wake(house.create({{}}, "p" + std::to_string(i)), {});
  house.pass_time(10min);
  // Published again after 15 s, then 30 s, 60 s … of waiting: about ten times in ten minutes, not at each of the 120 ticks.
  EXPECT_LE(replica.queue.published.size(), 20u * 12);
}

// ---- W25, W35 ------------------------------------------------------------------------------------------------------------------

TEST(Weakness, W25_after_a_take_over_the_end_of_a_job_is_pushed_to_the_new_replica) {
  House house;
  auto& first = house.replica();
  house.fates["t0"].runs = 60s;
  const auto run = house.create({{}, {0}});
  first.worker.wakeups().wake(run, {});
  ASSERT_TRUE(house.until([&] { return house.task(run, 0).state == State::started; }));
  const auto began = house.begun_at("t0");
  house.kill(first);
  house.replica();
  ASSERT_TRUE(house.until([&] { return house.beginnings("t1") == 1; }, 2min));
  EXPECT_LT(house.begun_at("t1") - (began + 60s), 500ms);
  EXPECT_EQ(house.beginnings("t0"), 1);
}

// ---- a pass that fails by the run's doing (R8) -------------------------------------------------------------------------------------

TEST(Poisoned, a_run_whose_passes_throw_backs_off_and_is_held_with_its_error_while_others_go_on) {
  House house;
  auto& replica = house.replica();
  const auto good = house.create({{}, {0}}, "good");
  const auto poisoned = house.create({{}}, "poisoned");
  replica.store.dies = [&](const core::Ticket& ticket) {
    if (ticket.run == house.view(poisoned).id) throw std::runtime_error("no such thing");
    return false;
  };
  replica.worker.wakeups().wake(poisoned, {});
  replica.worker.wakeups().wake(good, {});

  ASSERT_TRUE(house.until([&] { return house.view(poisoned).record.held; }, 2min));
  EXPECT_TRUE(house.view(poisoned).last_failure.ends_with("pass.threw: no such thing")) << house.view(poisoned).last_failure;
  EXPECT_EQ(house.view(poisoned).fence, Fence(5));
  EXPECT_FALSE(house.view(good).open);
}

TEST(Poisoned, a_commit_that_the_store_refuses_is_a_failure_of_the_run) {
  House house;
  auto& replica = house.replica();
  replica.store.refuses = true;
  const auto run = house.create({{}});
  replica.worker.wakeups().wake(run, {});

  ASSERT_TRUE(house.until([&] { return house.view(run).record.held; }, 2min));
  EXPECT_TRUE(house.view(run).last_failure.ends_with("store.damaged: refused")) << house.view(run).last_failure;
  EXPECT_EQ(house.view(run).fence, Fence(5));
}

// ---- the lock service away: the fence alone excludes ------------------------------------------------------------------------------

/// Every replica has a message of the run, and its passes last longer than the back-off that keeps others away from it: each fences the
/// one before it, which comes back for more.
TEST(WithoutALock, replicas_that_fence_each_other_come_to_a_commit) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    House house(seed);
    const auto run = house.create({{}, {0}, {1}});
    for (int i = 0; i < 4; ++i) {
      auto& replica = house.replica();
      replica.lock.away = true;
      replica.store.commit_takes = 700ms;
    }
    for (const auto& replica : house.replicas) {
      replica->worker.wakeups().wake(run, {});
      static_cast<void>(house.world.look(house.replicas[0]->queue.publish({run})));
    }
    ASSERT_TRUE(house.ends(run, 2min)) << "seed " << seed;
    for (const auto* node : {"t0", "t1", "t2"}) EXPECT_EQ(house.beginnings(node), 1) << node << ", seed " << seed;
  }
}

// ---- the store fails over, and has lost its last commits --------------------------------------------------------------------------

/// The standby knows that t0 runs; the replica has read, and written, that it has succeeded and that t1 runs.
bool ends_after_a_failover() {
  House house;
  auto& replica = house.replica();
  house.fates["t0"].runs = 1s;
  house.fates["t1"].runs = 2s;
  const auto run = house.create({{}, {0}, {1}});
  replica.worker.wakeups().wake(run, {});
  house.until([&] { return house.task(run, 0).state == State::started; });
  house.store.part_standby();
  house.until([&] { return house.task(run, 1).state == State::started; });
  house.store.fail_over();
  EXPECT_EQ(house.task(run, 0).state, State::started);
  const bool ended = house.ends(run, 1min);
  for (const auto* node : {"t0", "t1", "t2"}) EXPECT_LE(house.beginnings(node), 1) << node;
  return ended && house.task(run, 0).state == State::success;
}

TEST(Failover, what_was_read_of_lost_commits_is_forgotten_and_the_run_ends) { EXPECT_TRUE(ends_after_a_failover()); }

}  // namespace
}  // namespace baton
