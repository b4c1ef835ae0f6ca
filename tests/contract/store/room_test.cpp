// R17: what waits in the backend, who waits to be let in, and whose turn it is.
#include "contract/store/fixture.hpp"

namespace baton::test {
namespace {

using Keys = std::vector<RunKey>;

class StoreRoom : public StoreContract {
 protected:
  /// A run of `user` whose `jobs` first tasks are handed over; it waits for room, or not.
  RunKey crowded(const std::string& project, std::int64_t user, Index jobs, bool waits = true) {
    auto definition = a_run(project);
    definition.user = UserId(user);
    const auto key = good(store().create_run(definition));
    core::Decision decision;
    for (Index i = 0; i < jobs; ++i) {
      decision.tasks.push_back(pending_task(i, project + std::to_string(i)));
      decision.attempts.push_back(open_attempt(i, project + std::to_string(i)));
    }
    if (waits) decision.no_room_since = now();
    commit(begin(key), decision);
    return key;
  }
  std::map<RunKey, std::uint32_t> jobs() {
    std::map<RunKey, std::uint32_t> counted;
    for (const auto& [run, count] : good(store().crowd()).runs) counted.emplace(run, count);
    return counted;
  }
  using Waiting = std::map<UserId, std::uint32_t>;
  Waiting in_line() { return good(store().crowd()).in_line; }
  Keys turns(std::int64_t user, std::uint32_t max = 10) { return good(store().give_turns(UserId(user), max)); }
};

TEST_P(StoreRoom, jobs_that_were_handed_over_and_have_not_begun_are_counted_by_run) {
  const auto two = crowded("p", 1, 2, false), one = crowded("q", 2, 1, false);
  crowded("r", 1, 0);
  EXPECT_EQ(jobs(), (std::map<RunKey, std::uint32_t>{{two, 2}, {one, 1}}));
  core::Decision begins;
  auto record = pending_task(1, "p1");
  record.state = State::started;
  begins.tasks = {record};

  commit(begin(two), begins);

  EXPECT_EQ(jobs(), (std::map<RunKey, std::uint32_t>{{two, 1}, {one, 1}}));
}

TEST_P(StoreRoom, runs_in_line_are_counted_by_user) {
  crowded("p", 1, 1);
  crowded("q", 1, 0);
  crowded("r", 2, 0);
  crowded("s", 3, 1, false);

  EXPECT_EQ(in_line(), (Waiting{{UserId(1), 2}, {UserId(2), 1}}));
}

TEST_P(StoreRoom, since_when_a_run_waits_comes_back_with_the_ticket_until_a_commit_takes_it_away) {
  const auto key = crowded("p", 1, 1);
  const auto since = now();
  pass_time(1s);

  const auto ticket = begin(key);

  EXPECT_EQ(ticket.record.no_room_since, since);
  EXPECT_EQ(view(key).record.no_room_since, since);
  commit(ticket);
  EXPECT_EQ(view(key).record.no_room_since, std::nullopt);
}

TEST_P(StoreRoom, turns_go_to_those_of_the_user_that_have_waited_longest) {
  const auto first = crowded("q", 1, 0);
  pass_time(1s);
  const auto second = crowded("p", 1, 0);
  crowded("r", 2, 0);
  pass_time(1s);
  crowded("s", 1, 0);

  EXPECT_EQ(turns(1, 2), (Keys{first, second}));

  for (const auto& key : {first, second}) {
    EXPECT_TRUE(pending(key));
    EXPECT_TRUE(view(key).record.no_room_since);  // a turn that comes to nothing costs nobody his place
    EXPECT_TRUE(begin(key).record.has_turn);
  }
  EXPECT_EQ(in_line(), (Waiting{{UserId(1), 1}, {UserId(2), 1}}));
  EXPECT_TRUE(turns(1, 2).empty());  // both are to be taken yet
  // Whoever was given the turns publishes them.
  EXPECT_TRUE(std::ranges::none_of(due(), [&](const RunKey& key) { return key == first || key == second; }));
}

TEST_P(StoreRoom, no_more_turns_are_given_than_there_is_room_now) {
  crowded("p", 1, 2, false);
  const auto waits = crowded("q", 1, 1);
  crowded("r", 2, 2, false);

  EXPECT_TRUE(turns(1, 3).empty());
  EXPECT_EQ(turns(1, 4), Keys{waits});
}

TEST_P(StoreRoom, jobs_that_lack_resources_wait_as_well) {
  const auto lacks = crowded("p", 1, 1, false);
  core::Decision decision;
  auto record = pending_task(0, "p0");
  record.state = core::State::waiting_for_resources;
  decision.tasks = {record};
  commit(begin(lacks), decision);
  const auto waits = crowded("q", 1, 0);

  EXPECT_EQ(jobs(), (std::map<RunKey, std::uint32_t>{{lacks, 1}}));
  EXPECT_TRUE(turns(1, 1).empty());
  EXPECT_EQ(turns(1, 2), Keys{waits});
}

TEST_P(StoreRoom, a_commit_tells_whether_others_of_the_user_stand_in_line) {
  const auto key = crowded("p", 1, 1);
  crowded("q", 2, 1);
  EXPECT_FALSE(commit(begin(key)).line);
  const auto other = crowded("r", 1, 0);

  EXPECT_TRUE(commit(begin(key)).line);

  turns(1);
  EXPECT_FALSE(commit(begin(key)).line);
  static_cast<void>(other);
}

TEST_P(StoreRoom, a_turn_lasts_until_the_next_commit) {
  const auto key = crowded("p", 1, 0);
  EXPECT_EQ(turns(1), Keys{key});
  EXPECT_TRUE(turns(1).empty());
  const auto ticket = begin(key);
  core::Decision found_none;
  found_none.no_room_since = ticket.record.no_room_since;

  commit(ticket, found_none);

  EXPECT_FALSE(view(key).record.has_turn);
  EXPECT_EQ(turns(1), Keys{key});
}

TEST_P(StoreRoom, a_run_that_does_not_wait_has_no_turn) {
  crowded("p", 1, 1, false);

  EXPECT_TRUE(turns(1).empty());
}

TEST_P(StoreRoom, a_held_run_neither_counts_nor_has_a_turn) {
  const auto key = crowded("p", 1, 1);
  crowded("q", 1, 0, false);
  for (int i = 0; i < 5; ++i) fail_a_pass(key);
  pass_time(61s);
  EXPECT_EQ(refused(key).code, "store.held");

  EXPECT_TRUE(jobs().empty());
  EXPECT_TRUE(in_line().empty());
  EXPECT_TRUE(turns(1).empty());
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreRoom, testing::Values(Kind::memory, Kind::sqlite, Kind::sqlite_inline, Kind::postgres),
                         [](const auto& info) { return name_of(info.param); });

}  // namespace
}  // namespace baton::test
