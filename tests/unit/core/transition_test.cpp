#include "core/transition.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace baton::core {
namespace {

constexpr State states_with_a_job[] = {State::pending, State::waiting_for_resources, State::waiting_for_cluster, State::started};

template <class Do>
void for_each_combination(Do act) {
  for (int d = 0; d < desired_count; ++d)
    for (const auto state : states_with_a_job)
      for (int s = 0; s < seen_count; ++s) act(static_cast<Desired>(d), state, static_cast<Seen>(s));
}

TEST(Transition, every_combination_has_a_line) {
  for_each_combination([](Desired desired, State state, Seen seen) {
    bool found = false;
    for (const auto& rule : rules()) found = found || (rule.desired.has(desired) && rule.state.has(state) && rule.seen.has(seen));
    EXPECT_TRUE(found) << to_text(desired) << " " << to_text(state) << " " << to_text(seen);
  });
}

TEST(Transition, every_line_is_reached) {
  std::set<std::string_view> reached;
  for_each_combination([&](Desired desired, State state, Seen seen) { reached.insert(rule_for(desired, state, seen).why); });
  for (const auto& rule : rules()) EXPECT_TRUE(reached.contains(rule.why)) << rule.why;
}

struct Expected {
  Desired desired;
  State state;
  Seen seen;
  Transition then;
};
/// Written by hand from the rules, not from the table: R2, R6, R7, R10, R11, R13, R15.
// clang-format off
constexpr Expected expected[] = {
    {Desired::run, State::pending, Seen::unknown, Transition::submit},
    {Desired::run, State::started, Seen::unknown, Transition::bar},
    {Desired::run, State::pending, Seen::silent, Transition::ask_again},
    {Desired::run, State::started, Seen::silent, Transition::ask_again},
    {Desired::run, State::pending, Seen::queued, Transition::queue},
    {Desired::run, State::waiting_for_resources, Seen::queued, Transition::queue},
    {Desired::run, State::pending, Seen::lacking, Transition::lack},
    {Desired::run, State::pending, Seen::running, Transition::start},
    {Desired::run, State::started, Seen::running, Transition::wait},
    {Desired::run, State::started, Seen::queued, Transition::wait},
    {Desired::run, State::pending, Seen::done, Transition::succeed},
    {Desired::run, State::started, Seen::done, Transition::succeed},
    {Desired::run, State::started, Seen::finished, Transition::wait_for_result},
    {Desired::run, State::started, Seen::erred, Transition::fail},
    {Desired::run, State::started, Seen::barred, Transition::try_anew},
    {Desired::run, State::pending, Seen::barred, Transition::try_anew},
    {Desired::run, State::started, Seen::dead, Transition::lose},
    {Desired::run, State::started, Seen::begun, Transition::wait_for_proof},
    {Desired::run, State::pending, Seen::begun, Transition::wait_for_proof},
    {Desired::drain, State::pending, Seen::queued, Transition::bar},
    {Desired::drain, State::pending, Seen::unknown, Transition::bar},
    {Desired::drain, State::pending, Seen::barred, Transition::abort},
    {Desired::drain, State::pending, Seen::running, Transition::start},
    {Desired::drain, State::started, Seen::running, Transition::wait},
    {Desired::drain, State::started, Seen::done, Transition::succeed},
    {Desired::drain, State::started, Seen::erred, Transition::fail},
    {Desired::drain, State::started, Seen::dead, Transition::lose},
    {Desired::expire, State::pending, Seen::queued, Transition::bar},
    {Desired::expire, State::pending, Seen::barred, Transition::expire},
    {Desired::expire, State::pending, Seen::running, Transition::start},
    {Desired::expire, State::pending, Seen::done, Transition::succeed},
    {Desired::cancel, State::pending, Seen::queued, Transition::cancel},
    {Desired::cancel, State::started, Seen::running, Transition::cancel},
    {Desired::cancel, State::started, Seen::begun, Transition::cancel},
    {Desired::cancel, State::pending, Seen::unknown, Transition::bar},
    {Desired::cancel, State::started, Seen::unknown, Transition::bar},
    {Desired::cancel, State::started, Seen::silent, Transition::ask_again},
    {Desired::cancel, State::started, Seen::done, Transition::succeed},
    {Desired::cancel, State::started, Seen::erred, Transition::abort},
    {Desired::cancel, State::pending, Seen::barred, Transition::abort},
    {Desired::cancel, State::started, Seen::dead, Transition::abort},
    {Desired::cancel, State::started, Seen::finished, Transition::wait_for_result},
};
// clang-format on
TEST(Transition, the_rules_hold) {
  for (const auto& e : expected)
    EXPECT_EQ(to_text(rule_for(e.desired, e.state, e.seen).then), to_text(e.then))
        << to_text(e.desired) << " " << to_text(e.state) << " " << to_text(e.seen);
}

TEST(Transition, silence_and_unknown_never_end_a_job) {
  const std::set<Transition> ends{Transition::succeed,  Transition::fail,  Transition::lose,
                                  Transition::try_anew, Transition::abort, Transition::expire};
  for_each_combination([&](Desired desired, State state, Seen seen) {
    if (seen == Seen::silent || seen == Seen::unknown || seen == Seen::begun)
      EXPECT_FALSE(ends.contains(rule_for(desired, state, seen).then)) << to_text(desired) << " " << to_text(state);
  });
}

TEST(Transition, nothing_is_submitted_but_what_is_wanted_and_has_not_begun) {
  for_each_combination([&](Desired desired, State state, Seen seen) {
    if (rule_for(desired, state, seen).then != Transition::submit) return;
    EXPECT_EQ(desired, Desired::run);
    EXPECT_NE(state, State::started);
    EXPECT_EQ(seen, Seen::unknown);
  });
}

TEST(Transition, a_forgotten_key_settles_a_release_and_proves_no_death) {
  EXPECT_EQ(settlement(Owed::release, Seen::unknown), Settlement::settle);
  EXPECT_EQ(settlement(Owed::kill, Seen::unknown), Settlement::bar);
  EXPECT_EQ(settlement(Owed::kill, Seen::begun), Settlement::kill);
  EXPECT_EQ(settlement(Owed::kill, Seen::barred), Settlement::prove);
  EXPECT_EQ(settlement(Owed::kill, Seen::dead), Settlement::prove);
  EXPECT_EQ(settlement(Owed::release, Seen::barred), Settlement::release) << "a late submission may have left its key";
  EXPECT_EQ(settlement(Owed::release, Seen::dead), Settlement::release);
  EXPECT_EQ(settlement(Owed::release, Seen::done), Settlement::release);
  EXPECT_EQ(settlement(Owed::release, Seen::silent), Settlement::wait);
  EXPECT_EQ(settlement(Owed::kill, Seen::done), Settlement::prove);
  EXPECT_EQ(settlement(Owed::kill, Seen::erred), Settlement::prove);
}

TEST(Transition, only_the_chosen_classes_are_retried) {
  Retries retries{.on_exit = false, .on_timeout = true, .on_oom = false};
  EXPECT_FALSE(may_retry(retries, EndKind::exit));
  EXPECT_FALSE(may_retry(retries, EndKind::output));
  EXPECT_TRUE(may_retry(retries, EndKind::timeout));
  EXPECT_TRUE(may_retry(retries, EndKind::silence));
  EXPECT_FALSE(may_retry(retries, EndKind::oom));
}

}  // namespace
}  // namespace baton::core
