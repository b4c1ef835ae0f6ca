// R8: one run is one failure domain.
#include "contract/store/fixture.hpp"

namespace baton::test {
namespace {

TEST_P(StoreContract, a_pass_that_begins_sets_its_own_back_off) {
  const auto key = create();

  begin(key);

  EXPECT_EQ(view(key).wake_at, now() + 200ms);
}

TEST_P(StoreContract, after_a_pass_that_did_not_commit_the_next_one_backs_off) {
  const auto key = create();
  wake(key);
  const auto ticket = begin(key);
  pass_time(50ms);

  const auto refused = StoreContract::refused(key);

  EXPECT_EQ(refused.code, "store.backing_off");
  EXPECT_EQ(refused.where, "150000");
  EXPECT_EQ(view(key).fence, ticket.fence);
  EXPECT_TRUE(pending(key));
  pass_time(150ms);
  EXPECT_EQ(begin(key).fence.value(), ticket.fence.value() + 1);
}

TEST_P(StoreContract, the_back_off_doubles_with_each_failure) {
  const auto key = create();
  begin(key);
  for (const auto wait : {200ms, 400ms, 800ms, 1600ms}) {
    pass_time(wait - 1us);
    EXPECT_EQ(refused(key).code, "store.backing_off");
    pass_time(1us);
    begin(key);
  }
  EXPECT_EQ(view(key).wake_at, now() + 3200ms);
}

TEST_P(StoreContract, a_commit_clears_the_failures) {
  const auto key = create();
  fail_a_pass(key);
  fail_a_pass(key);
  EXPECT_NE(view(key).last_failure, "");
  pass_time(1min);
  commit(begin(key));

  EXPECT_EQ(view(key).last_failure, "");
  begin(key);
  EXPECT_EQ(view(key).wake_at, now() + 200ms);
}

TEST_P(StoreContract, a_pass_that_ended_fenced_or_unavailable_takes_its_failure_back) {
  const auto key = create();
  begin(key);

  const auto again = begin(key, Fence::none(), "r1", 1);  // at once: no failure is left

  EXPECT_EQ(view(key).wake_at, now() + 200ms);
  EXPECT_EQ(again.fence.value(), 2);
}

TEST_P(StoreContract, no_more_is_excused_than_has_failed) {
  const auto key = create();
  begin(key);
  begin(key, Fence::none(), "r1", 7);

  EXPECT_EQ(refused(key).code, "store.backing_off");
}

TEST_P(StoreContract, after_five_failures_the_run_is_held) {
  const auto key = create();
  wake(key);
  for (int i = 0; i < 5; ++i) fail_a_pass(key);
  const auto fence = view(key).fence;
  pass_time(61s);

  const auto refused = StoreContract::refused(key);

  EXPECT_EQ(refused.code, "store.held");
  const auto run = view(key);
  EXPECT_TRUE(run.record.held);
  EXPECT_TRUE(run.open);
  EXPECT_EQ(run.record.result, State::published);
  EXPECT_NE(run.last_failure, "");
  EXPECT_EQ(run.fence, fence);
}

TEST_P(StoreContract, four_failures_hold_nothing) {
  const auto key = create();
  for (int i = 0; i < 4; ++i) fail_a_pass(key);
  pass_time(61s);

  EXPECT_FALSE(begin(key).record.held);
}

TEST_P(StoreContract, a_held_run_with_a_desire_is_visited_and_the_ticket_says_that_it_is_held) {
  const auto key = create();
  for (int i = 0; i < 5; ++i) fail_a_pass(key);
  pass_time(61s);
  ASSERT_EQ(refused(key).code, "store.held");
  good(store().desire(key, core::Desire::cancel));

  const auto ticket = begin(key);

  EXPECT_TRUE(ticket.record.held);
  EXPECT_EQ(ticket.record.desire, core::Desire::cancel);
  commit(ticket);
  EXPECT_TRUE(begin(key).record.held);  // until it is released
}

TEST_P(StoreContract, a_desire_does_not_wait_for_the_back_off) {
  const auto key = create();
  fail_a_pass(key);
  ASSERT_EQ(refused(key).code, "store.backing_off");

  good(store().desire(key, core::Desire::cancel));

  EXPECT_EQ(begin(key).record.desire, core::Desire::cancel);
}

TEST_P(StoreContract, a_wake_up_is_published_when_the_back_off_of_its_run_is_over) {
  const auto key = create();
  wake(key);
  begin(key);
  ASSERT_EQ(refused(key).code, "store.backing_off");  // and its message was settled
  EXPECT_FALSE(wake(key).publish);
  pass_time(200ms);

  EXPECT_TRUE(wake(key).publish);
  EXPECT_FALSE(wake(key).publish);
}

}  // namespace
}  // namespace baton::test
