#include "simulation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "core/mutants.hpp"

namespace baton::simulation {
namespace {

// BATON_SEED moves the worlds that are looked at; BATON_LONG makes them many.
std::uint64_t first_seed() {
  const char* set = std::getenv("BATON_SEED");
  return set == nullptr ? 1 : std::strtoull(set, nullptr, 10);
}
std::uint64_t worlds() { return std::getenv("BATON_LONG") == nullptr ? 300 : 20'000; }

TEST(Simulation, no_order_of_events_and_deaths_breaks_a_rule) {
  Outcome all;
  for (std::uint64_t i = 0; i < worlds(); ++i) {
    const auto outcome = simulate(first_seed() + i);
    ASSERT_FALSE(outcome.violation.has_value()) << *outcome.violation << "\nscripts/simulate --trace " << outcome.seed;
    all.commits += outcome.commits;
    all.crashes += outcome.crashes;
    all.runs += outcome.runs;
    all.table.add(outcome.table);
  }
  // The worlds were worth looking at.
  EXPECT_GT(all.runs, worlds());
  EXPECT_GT(all.commits, worlds() * 5);
  EXPECT_GT(all.crashes, worlds() / 10);
  EXPECT_GT((all.table.rows[{Call::observe, Call::commit}].times), worlds() * 5);
}

TEST(Simulation, one_seed_is_one_world) {
  for (std::uint64_t seed = first_seed(); seed < first_seed() + 20; ++seed) {
    const auto first = simulate(seed, {.story = true});
    const auto again = simulate(seed, {.story = true});
    ASSERT_EQ(first.trace, again.trace) << seed;
    ASSERT_EQ(first.story, again.story) << seed;
    ASSERT_EQ(first.steps, again.steps) << seed;
  }
}

TEST(Simulation, telling_the_story_changes_nothing) {
  for (std::uint64_t seed = first_seed(); seed < first_seed() + 20; ++seed)
    ASSERT_EQ(simulate(seed).trace, simulate(seed, {.story = true}).trace) << seed;
}

TEST(Simulation, the_story_says_what_replicas_and_the_cluster_did) {
  std::string text;
  for (std::uint64_t seed = 1; seed <= 5; ++seed)
    for (const auto& line : simulate(seed, {.story = true}).story) text += line + '\n';
  for (const auto* part : {"A1", "begin_pass", "observe", "commit fence", "submit", "begins", "ack", "the faults are over"})
    EXPECT_NE(text.find(part), std::string::npos) << part;
}

TEST(Simulation, a_fault_strikes_only_where_it_can) {
  EXPECT_TRUE(can_strike(Fault::silent, Call::observe, true));
  EXPECT_FALSE(can_strike(Fault::silent, Call::commit, true));
  EXPECT_TRUE(can_strike(Fault::message_lost, Call::publish, false));
  EXPECT_FALSE(can_strike(Fault::channel_closed, Call::wake, false));
  for (int call = 1; call < call_count; ++call) EXPECT_TRUE(can_strike(Fault::crash, static_cast<Call>(call), false));
}

#ifdef BATON_MUTANTS

// Breaks one rule for as long as it lives.
struct Broken {
  explicit Broken(core::Mutant mutant) { core::mutant_on = mutant; }
  ~Broken() { core::mutant_on = core::Mutant::none; }
};

// Those that take thousands of worlds are for scripts/simulate --mutant.
class SimulationFinds : public testing::TestWithParam<core::Mutant> {};

TEST_P(SimulationFinds, the_broken_rule) {
  const Broken broken(GetParam());
  for (std::uint64_t seed = 1; seed <= 2000; ++seed)
    if (simulate(seed).violation) return;
  FAIL() << "no violation in 2000 worlds";
}
INSTANTIATE_TEST_SUITE_P(, SimulationFinds,
                         testing::Values(core::Mutant::wake_up_dropped, core::Mutant::mark_clock, core::Mutant::fence_unchecked,
                                         core::Mutant::early_ack, core::Mutant::no_claim, core::Mutant::no_bar,
                                         core::Mutant::early_release, core::Mutant::success_before_outputs,
                                         core::Mutant::no_next_event, core::Mutant::message_first, core::Mutant::woken_ignored,
                                         core::Mutant::told_first, core::Mutant::fence_given_twice),
                         [](const auto& info) { return std::string(core::to_text(info.param)); });

#endif

TEST(Mutants, are_named_once_each_and_off) {
  for (int i = 0; i < core::mutant_count; ++i) {
    const auto mutant = static_cast<core::Mutant>(i);
    EXPECT_EQ(core::mutant_from(core::to_text(mutant)), mutant);
    if (mutant != core::Mutant::none) {
      EXPECT_FALSE(core::mutant(mutant));
    }
  }
  EXPECT_FALSE(core::mutant_from("nothing of the kind").has_value());
}

}  // namespace
}  // namespace baton::simulation
