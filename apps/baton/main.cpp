/// The binary: reads its words, builds the house from the bottom up, runs one command.
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "backend/local/keeper.hpp"
#include "cli/arguments.hpp"
#include "cli/commands.hpp"
#include "here.hpp"

namespace {

using namespace baton;

/// `baton keeper --state DIR`: how a baton starts the keeper of its local jobs, with the line to it as descriptor 3. Not for people.
bool is_keeper(const std::vector<std::string>& words) {
  return words.size() == 3 && words[0] == "keeper" && words[1] == "--state";
}

/// The commands of a service are another binary, beside this one: the clients of its servers would cost every start milliseconds.
bool is_for_service(const std::vector<std::string>& words) {
  return !words.empty() && (words[0] == "serve" || words[0] == "migrate");
}
int become_service(char** argv) {
  std::error_code wrong;
  const auto binary = std::filesystem::read_symlink("/proc/self/exe", wrong).parent_path() / "baton-serve";
  ::execv(binary.c_str(), argv);
  std::fprintf(stderr, "error: %s cannot be started: %s\n  it belongs beside `baton`\n", binary.c_str(), std::strerror(errno));
  return static_cast<int>(baton::cli::ExitCode::surroundings);
}

awaitable<void> execute(cli::House& house, cli::Terminal& terminal, cli::Options options, cli::ExitCode& code) {
  code = co_await cli::execute(house, terminal, std::move(options));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (is_keeper(words)) return local::keeper_main({.state = words[2], .connection = 3});
  if (is_for_service(words)) return become_service(argv);
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is no reason to stop running tasks

  cli::Terminal terminal;
  auto parsed = cli::parse_arguments(words);
  if (const auto* answer = std::get_if<cli::Answer>(&parsed)) {
    if (answer->code == cli::ExitCode::good)
      terminal.data(answer->text);
    else
      terminal.talk(answer->text);
    return static_cast<int>(answer->code);
  }
  // The store's work is done on the loop: a commit costs about as much as two hops between threads.
  AsioRuntime runtime(AsioRuntime::Options{.store_inline = true});
  Here house(runtime);
  auto code = cli::ExitCode::good;
  runtime.run(execute(house, terminal, std::move(std::get<cli::Options>(parsed)), code));
  return static_cast<int>(code);
}
