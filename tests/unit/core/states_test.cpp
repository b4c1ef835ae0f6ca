#include "core/states.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace baton::core {
namespace {

constexpr State all_states[] = {State::unknown,
                                State::not_started,
                                State::published,
                                State::pending,
                                State::waiting_for_cluster,
                                State::waiting_for_resources,
                                State::started,
                                State::success,
                                State::failed,
                                State::aborted};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

StateSet set_of(const std::vector<State>& tasks) {
  StateSet set;
  for (const auto state : tasks) set.add(state);
  return set;
}

TEST(PipelineState, agrees_with_all_1023_rows_of_the_reference_table) {
  std::ifstream table(BATON_SOURCE_DIR "/tests/unit/core/pipeline_state_table.csv");
  ASSERT_TRUE(table) << "the table is missing";
  std::string line;
  std::getline(table, line);
  ASSERT_EQ(line, "distinct_task_states,pipeline_state_HEAD,pipeline_state_PR");

  int rows = 0;
  while (std::getline(table, line)) {
    const auto cells = split(line, ',');
    ASSERT_GE(cells.size(), 2u) << line;
    StateSet tasks;
    for (const auto& name : split(cells[0], '|')) {
      const auto state = state_from(name);
      ASSERT_TRUE(state) << line;
      tasks.add(*state);
    }
    EXPECT_EQ(to_text(aggregate(tasks)), cells[1]) << line;
    ++rows;
  }
  EXPECT_EQ(rows, 1023);
}

TEST(PipelineState, ST_1_of_five_tasks_is_that_of_the_reference) {
  constexpr auto unknown = State::unknown, idle = State::not_started, published = State::published, pending = State::pending,
                 started = State::started, success = State::success, failed = State::failed, aborted = State::aborted,
                 cluster = State::waiting_for_cluster, resources = State::waiting_for_resources;
  struct Case {
    std::vector<State> tasks;
    State pipeline;
  };
  const Case cases[] = {
      {{unknown, unknown, unknown, unknown, unknown}, unknown},
      {{idle, idle, idle, idle, idle}, idle},
      {{published, published, idle, idle, idle}, published},
      {{published, published, published, published, published}, published},
      {{pending, published, published, published, published}, pending},
      {{started, published, published, published, published}, started},
      {{success, published, published, published, published}, started},
      {{success, pending, pending, published, published}, started},
      {{success, success, pending, pending, published}, started},
      {{success, success, success, success, published}, started},
      {{success, success, success, success, pending}, started},
      {{success, success, success, success, success}, success},
      {{success, failed, success, started, published}, started},
      {{success, failed, aborted, started}, started},
      {{success, failed, aborted, published}, started},
      {{success, failed, aborted, pending}, started},
      {{success, failed, aborted}, failed},
      {{success, success, failed}, failed},
      {{success, success, aborted}, aborted},
      {{success, pending, idle}, started},
      {{}, unknown},
      {{cluster, published, published}, cluster},
      {{resources, published, published}, resources},
      {{success, resources, published}, started},
      {{success, cluster, published}, started},
  };
  for (const auto& one : cases) EXPECT_EQ(aggregate(set_of(one.tasks)), one.pipeline) << to_text(one.pipeline);
}

TEST(PipelineState, of_states_that_wait_for_different_things_is_started) {
  EXPECT_EQ(aggregate({State::pending, State::waiting_for_resources}), State::started);
  EXPECT_EQ(aggregate({State::pending, State::waiting_for_cluster}), State::started);
  EXPECT_EQ(aggregate({State::waiting_for_cluster, State::waiting_for_resources}), State::started);
  EXPECT_EQ(aggregate({State::failed, State::published}), State::started);
  EXPECT_EQ(aggregate({State::success, State::not_started}), State::not_started);
  EXPECT_EQ(aggregate({State::failed, State::not_started}), State::not_started);
}

TEST(States, ST_2_are_running_exactly_from_published_to_started) {
  for (const auto state : all_states) {
    const bool expected = state == State::published || state == State::pending || state == State::started ||
                          state == State::waiting_for_cluster || state == State::waiting_for_resources;
    EXPECT_EQ(is_running(state), expected) << to_text(state);
  }
}

TEST(States, ST_3_map_to_the_database_and_back) {
  for (const auto state : all_states) {
    EXPECT_EQ(state_from(to_db(state)), state) << to_text(state);
    EXPECT_EQ(state_from(to_text(state)), state) << to_text(state);
    if (state != State::started) EXPECT_EQ(to_db(state), to_text(state));
  }
  EXPECT_EQ(to_text(State::started), "STARTED");
  EXPECT_EQ(to_db(State::started), "RUNNING");
  EXPECT_EQ(to_text(State::waiting_for_cluster), "WAITING_FOR_CLUSTER");
  EXPECT_EQ(state_from("Running"), std::nullopt);
  EXPECT_EQ(state_from(""), std::nullopt);
}

TEST(States, ST_4_are_in_the_sets_of_the_reference_which_cover_all) {
  EXPECT_EQ(to_start_states, (StateSet{State::published, State::waiting_for_cluster}));
  EXPECT_EQ(waiting_for_start_states,
            (StateSet{State::published, State::pending, State::waiting_for_resources, State::waiting_for_cluster}));
  EXPECT_EQ(processing_states,
            (StateSet{State::pending, State::waiting_for_resources, State::started, State::waiting_for_cluster}));
  EXPECT_EQ(final_states, (StateSet{State::aborted, State::success, State::failed}));
  EXPECT_EQ(running_states, (StateSet{State::published, State::pending, State::waiting_for_resources, State::started,
                                      State::waiting_for_cluster}));
  const auto covered = final_states | running_states | to_start_states | StateSet{State::not_started, State::unknown};
  for (const auto state : all_states) EXPECT_TRUE(covered.has(state)) << to_text(state);
}

TEST(States, have_a_job_while_pending_or_started_alone) {
  for (const auto state : all_states) {
    EXPECT_EQ(is_live(state), state == State::pending || state == State::started) << to_text(state);
  }
}

}  // namespace
}  // namespace baton::core
