/// The binary: reads its words, builds the house from the bottom up, runs one command.
#include <csignal>
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

awaitable<void> execute(cli::House& house, cli::Terminal& terminal, cli::Options options, cli::ExitCode& code) {
  code = co_await cli::execute(house, terminal, std::move(options));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (is_keeper(words)) return local::keeper_main({.state = words[2], .connection = 3});
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
