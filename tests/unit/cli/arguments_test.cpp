#include "cli/arguments.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
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

TEST(Arguments, what_was_typed_cannot_command_the_terminal) {
  for (const auto& answer : {answer_of({"run", "p.yaml", "-j", "\033[2J"}), answer_of({"plan", "p.yaml", "--x\xc2\x9b"})}) {
    EXPECT_EQ(answer.code, ExitCode::bad_input);
    EXPECT_EQ(answer.text.find('\033'), std::string::npos) << answer.text;
    EXPECT_EQ(answer.text.find('\x9b'), std::string::npos) << answer.text;
  }
}

TEST(Arguments, a_simulation_has_a_scale) {
  EXPECT_EQ(options_of({"run", "p.yaml", "--simulate", "0.5"}).simulate, 0.5);
  EXPECT_EQ(answer_of({"run", "p.yaml", "--simulate", "-1"}).code, ExitCode::bad_input);
}

TEST(Arguments, a_server_is_named_by_option_or_by_variable) {
  const auto options = options_of({"run", "p.yaml", "--server", "http://127.0.0.1:1,http://127.0.0.1:2", "--user", "7",
                                   "--project", "u", "--cancel-on-interrupt"});
  EXPECT_EQ(options.server, "http://127.0.0.1:1,http://127.0.0.1:2");
  EXPECT_EQ(options.user, 7);
  EXPECT_EQ(options.project, "u");
  EXPECT_TRUE(options.cancel_on_interrupt);

  ::setenv("BATON_SERVER", "http://127.0.0.1:3", 1);
  for (const auto* command : {"run", "plan", "status", "history", "cancel"})
    EXPECT_EQ(options_of({command, "p.yaml"}).server, "http://127.0.0.1:3") << command;
  EXPECT_EQ(options_of({"status", "--server", "http://127.0.0.1:4"}).server, "http://127.0.0.1:4");
  EXPECT_EQ(options_of({"quarantine", "list"}).server, "http://127.0.0.1:3");
  EXPECT_EQ(options_of({"version"}).verb, Verb::version);
  ::setenv("BATON_SERVER", "", 1);
  EXPECT_EQ(options_of({"status"}).server, "");
  ::unsetenv("BATON_SERVER");
}

TEST(Arguments, what_is_about_this_machine_does_not_go_with_a_server) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"-j", "4"}, {"--state", "d"}, {"--out", "d"}, {"--resources", "cpu=1"}}) {
    std::vector<std::string> line{"run", "p.yaml", "--server", "http://127.0.0.1:1"};
    line.insert(line.end(), words.begin(), words.end());
    const auto answer = answer_of(line);
    EXPECT_EQ(answer.code, ExitCode::bad_input) << words[0];
    EXPECT_NE(answer.text.find("'" + words[0] + "'"), std::string::npos) << answer.text;
  }
}

TEST(Arguments, what_is_about_a_server_does_not_go_without_one) {
  EXPECT_EQ(answer_of({"status", "--project", "u"}).code, ExitCode::bad_input);
  EXPECT_EQ(answer_of({"status", "--user", "1"}).code, ExitCode::bad_input);
  EXPECT_EQ(answer_of({"run", "p.yaml", "--cancel-on-interrupt"}).code, ExitCode::bad_input);
  EXPECT_EQ(answer_of({"quarantine", "list"}).code, ExitCode::bad_input);
  EXPECT_EQ(answer_of({"status", "--server", "http://127.0.0.1:1", "--user", "0"}).code, ExitCode::bad_input);
}

TEST(Arguments, quarantine_lists_or_releases_one) {
  const std::vector<std::string> server{"--server", "http://127.0.0.1:1"};
  const auto with = [&](std::vector<std::string> words) {
    words.insert(words.end(), server.begin(), server.end());
    return words;
  };
  EXPECT_EQ(options_of(with({"quarantine", "list", "--json"})).action, "list");
  EXPECT_EQ(options_of(with({"quarantine", "release", "1:p:2"})).held_run, "1:p:2");
  for (const auto& words : {std::vector<std::string>{"quarantine"},
                            {"quarantine", "relaese", "1:p:2"},
                            {"quarantine", "release"},
                            {"quarantine", "list", "1:p:2"}})
    EXPECT_EQ(answer_of(with(words)).code, ExitCode::bad_input) << words.back();
}

TEST(Arguments, the_version_is_a_command_and_an_option) {
  EXPECT_EQ(options_of({"version"}).verb, Verb::version);
  EXPECT_EQ(options_of({"--version"}).verb, Verb::version);
}

TEST(Arguments, help_is_an_answer_and_no_mistake) {
  for (const auto* command : {"run", "plan", "why", "status", "history", "logs", "cancel", "quarantine", "version"}) {
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
