#include "cli/arguments.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace baton::cli {
namespace {

Options options_of(std::vector<std::string> words) {
  auto parsed = parse_arguments(words);
  if (const auto* answer = std::get_if<Answer>(&parsed)) ADD_FAILURE() << answer->text;
  return std::holds_alternative<Options>(parsed) ? std::get<Options>(parsed) : Options{};
}

Answer answer_of(std::vector<std::string> words) {
  auto parsed = parse_arguments(words);
  return std::holds_alternative<Answer>(parsed) ? std::get<Answer>(parsed) : Answer{ExitCode::good, "it was taken"};
}

TEST(Arguments, a_run_takes_a_file_nodes_and_options_in_any_order) {
  const auto options = options_of({"run", "-k", "p.yaml", "align[a]", "-j4", "count", "--set", "n=[1, 2]", "--set", "m=-3",
                                   "--json", "--resources", "ram=8GiB"});

  EXPECT_EQ(options.verb, Verb::run);
  EXPECT_EQ(options.file, "p.yaml");
  EXPECT_EQ(options.nodes, (std::vector<std::string>{"align[a]", "count"}));
  EXPECT_EQ(options.jobs, 4U);
  EXPECT_EQ(options.set, (std::vector<std::string>{"n=[1, 2]", "m=-3"}));
  EXPECT_EQ(options.resources, "ram=8GiB");
  EXPECT_TRUE(options.keep_going && options.json);
  EXPECT_FALSE(options.force || options.dry_run || options.follow);
  EXPECT_FALSE(options.simulate);
}

TEST(Arguments, a_value_to_set_takes_no_node_with_it) {
  const auto options = options_of({"plan", "p.yaml", "--set", "n=1", "count"});

  EXPECT_EQ(options.set, std::vector<std::string>{"n=1"});
  EXPECT_EQ(options.nodes, std::vector<std::string>{"count"});
}

TEST(Arguments, a_simulation_has_a_scale) {
  EXPECT_EQ(options_of({"run", "p.yaml", "--simulate", "0.5"}).simulate, 0.5);
  EXPECT_EQ(answer_of({"run", "p.yaml", "--simulate", "-1"}).code, ExitCode::bad_input);
}

TEST(Arguments, the_version_is_a_command_and_an_option) {
  EXPECT_EQ(options_of({"version"}).verb, Verb::version);
  EXPECT_EQ(options_of({"--version"}).verb, Verb::version);
}

TEST(Arguments, help_is_an_answer_and_no_mistake) {
  for (const auto* command : {"run", "plan", "why", "status", "history", "logs", "cancel", "version"}) {
    const auto answer = answer_of({command, "--help"});
    EXPECT_EQ(answer.code, ExitCode::good);
    EXPECT_NE(answer.text.find(std::string("Usage: baton ") + command), std::string::npos) << answer.text;
  }
}

TEST(Arguments, what_is_wrong_is_named_with_the_nearest_that_is_known) {
  struct Case {
    std::vector<std::string> words;
    std::string said;
  };
  for (const auto& [words, said] :
       {Case{{"rum", "p.yaml"}, "did you mean 'run'?"}, Case{{"run", "p.yaml", "--keep-goin"}, "did you mean '--keep-going'?"},
        Case{{"run", "p.yaml", "--jobs=0"}, "--jobs"}, Case{{"--jsno", "run", "p.yaml"}, "'baton' has no option '--jsno'"},
        Case{{"logs", "p.yaml"}, "NODE is required"}, Case{{"history", "p.yaml", "q.yaml"}, "no further argument: 'q.yaml'"}}) {
    const auto answer = answer_of(words);
    EXPECT_EQ(answer.code, ExitCode::bad_input) << answer.text;
    EXPECT_NE(answer.text.find(said), std::string::npos) << answer.text;
  }
}

}  // namespace
}  // namespace baton::cli
