#include "runtime/simulated/world.hpp"

#include <gtest/gtest.h>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string>
#include <vector>

#include "runtime/simulated/simulated_runtime.hpp"

namespace baton {
namespace {
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

awaitable<void> say(World& world, std::vector<std::string>& said, std::string what, int times) {
  for (int i = 0; i < times; ++i) {
    said.push_back(what + std::to_string(i));
    co_await world.sleep(core::Duration(world.below(1000)));
  }
}

struct Told {
  std::vector<std::string> said;
  std::uint64_t trace;
};
Told history(std::uint64_t seed) {
  World world(seed);
  Told told;
  for (const auto* name : {"a", "b", "c"}) world.spawn(world.start(), say(world, told.said, name, 20));
  while (world.step()) {
  }
  told.trace = world.trace();
  return told;
}

TEST(World, one_seed_is_one_history) {
  const auto first = history(7);
  const auto again = history(7);
  const auto other = history(8);

  EXPECT_EQ(first.said.size(), 60U);
  EXPECT_EQ(first.said, again.said);
  EXPECT_EQ(first.trace, again.trace);
  EXPECT_NE(first.said, other.said);
  EXPECT_NE(first.trace, other.trace);
}

awaitable<void> nap(World& world, core::Duration how_long, std::vector<core::Duration>& woke) {
  co_await world.sleep(how_long);
  woke.push_back(world.now());
}

TEST(World, time_moves_only_when_nothing_is_ready) {
  World world(1);
  std::vector<core::Duration> woke;
  const auto who = world.start();
  world.spawn(who, nap(world, hours(5), woke));
  world.spawn(who, nap(world, milliseconds(1), woke));

  while (world.step()) {
  }

  EXPECT_EQ(woke, (std::vector<core::Duration>{milliseconds(1), hours(5)}));
}

// Says when it is destroyed, as a file or a lease in a frame would.
struct Held {
  std::vector<std::string>& log;
  ~Held() { log.emplace_back("destroyed"); }
};
awaitable<void> hold(World& world, std::vector<std::string>& log) {
  Held held{log};
  co_await world.sleep(seconds(10));
  log.emplace_back("went on");
}

TEST(World, a_crash_destroys_the_frames_of_its_process_and_of_no_other) {
  World world(1);
  std::vector<std::string> log, other;
  const auto dies = world.start();
  const auto lives = world.start();
  world.spawn(dies, hold(world, log));
  world.spawn(lives, hold(world, other));
  world.run_until([&] { return world.now() >= seconds(10); }, seconds(1));

  world.crash(dies);
  EXPECT_EQ(log, std::vector<std::string>{"destroyed"});
  while (world.step()) {
  }

  EXPECT_FALSE(world.alive(dies));
  EXPECT_EQ(log, std::vector<std::string>{"destroyed"});
  EXPECT_EQ(other, (std::vector<std::string>{"went on", "destroyed"}));
}

awaitable<void> die(World& world, World::Who who, std::vector<std::string>& log) {
  Held held{log};
  world.crash(who);
  co_await world.never();
  log.emplace_back("went on");
}

TEST(World, a_process_may_crash_in_its_own_step) {
  World world(1);
  std::vector<std::string> log;
  const auto who = world.start();
  world.spawn(who, die(world, who, log));

  while (world.step()) {
  }

  EXPECT_EQ(log, std::vector<std::string>{"destroyed"});
}

TEST(World, a_paused_process_runs_nothing_until_its_pause_is_over) {
  World world(1);
  std::vector<core::Duration> woke, other;
  const auto stopped = world.start();
  const auto runs = world.start();
  world.spawn(stopped, nap(world, seconds(1), woke));
  world.spawn(runs, nap(world, seconds(1), other));

  world.pause(stopped, seconds(30));
  while (world.step()) {
  }

  EXPECT_EQ(other, std::vector<core::Duration>{seconds(1)});
  EXPECT_EQ(woke, std::vector<core::Duration>{seconds(31)});  // the sleep itself began after the pause
}

awaitable<void> wait_for(Event& event, core::Duration limit, std::vector<bool>& answers) {
  const bool notified = co_await event.wait_for(limit);
  answers.push_back(notified);
}

TEST(SimulatedRuntime, an_event_wakes_all_that_wait_and_remembers_when_nobody_does) {
  World world(1);
  const auto who = world.start();
  SimulatedRuntime runtime(world, who);
  const auto event = runtime.event();
  std::vector<bool> answers;
  world.spawn(who, wait_for(*event, seconds(10), answers));
  world.spawn(who, wait_for(*event, World::forever, answers));
  world.run_until([&] { return false; }, seconds(1));

  event->notify();
  while (world.step()) {
  }
  EXPECT_EQ(answers, (std::vector<bool>{true, true}));

  event->notify();
  world.spawn(who, wait_for(*event, seconds(10), answers));
  while (world.step()) {
  }
  world.spawn(who, wait_for(*event, seconds(10), answers));
  while (world.step()) {
  }
  EXPECT_EQ(answers, (std::vector<bool>{true, true, true, false}));
}

TEST(SimulatedRuntime, an_event_is_not_taken_by_one_who_has_crashed) {
  World world(1);
  const auto dies = world.start();
  const auto lives = world.start();
  SimulatedRuntime runtime(world, dies);
  const auto event = runtime.event();
  std::vector<bool> answers;
  world.spawn(dies, wait_for(*event, World::forever, answers));
  world.run_until([&] { return false; }, seconds(1));
  world.crash(dies);

  event->notify();
  world.spawn(lives, wait_for(*event, seconds(1), answers));
  while (world.step()) {
  }

  EXPECT_EQ(answers, std::vector<bool>{true});
}

awaitable<void> wait_empty(Gate& gate, World& world, std::vector<core::Duration>& at) {
  co_await gate.empty();
  at.push_back(world.now());
}

TEST(SimulatedRuntime, a_gate_is_empty_when_all_have_left) {
  World world(1);
  const auto who = world.start();
  SimulatedRuntime runtime(world, who);
  const auto gate = runtime.gate();
  std::vector<core::Duration> woke, empty;
  gate->spawn(nap(world, seconds(1), woke));
  gate->spawn(nap(world, seconds(3), woke));
  world.spawn(who, wait_empty(*gate, world, empty));

  while (world.step()) {
  }

  EXPECT_EQ(woke.size(), 2U);
  EXPECT_EQ(empty, std::vector<core::Duration>{seconds(3)});
}

TEST(SimulatedRuntime, a_uuid_is_of_version_4_and_never_the_same) {
  World world(1);
  SimulatedRuntime runtime(world, world.start());

  const auto first = runtime.uuid();
  const auto second = runtime.uuid();

  EXPECT_EQ(first.size(), 36U);
  EXPECT_EQ(first[14], '4');
  EXPECT_NE(first, second);
}

awaitable<int> answer(World& world) {
  co_await world.sleep(hours(1));
  co_return 42;
}

TEST(World, a_look_takes_no_time_and_no_step) {
  World world(1);
  std::vector<core::Duration> woke;
  world.spawn(world.start(), nap(world, seconds(1), woke));
  const auto steps = world.steps();

  EXPECT_EQ(world.look(answer(world)), 42);

  EXPECT_EQ(world.steps(), steps);
  EXPECT_EQ(world.now(), core::Duration::zero());
  EXPECT_TRUE(woke.empty());
}

awaitable<void> use_a_real_timer() {
  const auto executor = co_await boost::asio::this_coro::executor;
  boost::asio::steady_timer timer(executor, milliseconds(1));
  co_await timer.async_wait(boost::asio::use_awaitable);
}
void step_with_a_real_timer() {
  World world(1);
  world.spawn(world.start(), use_a_real_timer());
  while (world.step()) {
  }
}

TEST(WorldDeathTest, a_real_timer_stops_the_process) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(step_with_a_real_timer(), "has_service");
}

}  // namespace
}  // namespace baton
