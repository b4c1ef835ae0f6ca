// Runs worlds by the thousand: simulate [--seeds A..B] [--mutant NAME] [--list-mutants] [--trace SEED] [--table] [--quick].
// Exit: 0 no violation; 1 a violation (its seed is printed); 64 it could not run.
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "core/mutants.hpp"
#include "simulation.hpp"

namespace {

using namespace baton;

struct Arguments {
  std::uint64_t first = 1, last = 1000;
  core::Mutant mutant = core::Mutant::none;
  std::optional<std::uint64_t> trace;
  bool list_mutants = false;
  bool raw_table = false;  ///< for scripts/simulate, which adds the shards up
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

[[noreturn]] void refuse(const std::string& what) {
  std::fprintf(stderr,
               "error: %s\nusage: simulate [--seeds A..B] [--mutant NAME] [--list-mutants] [--trace SEED] [--raw-table]\n",
               what.c_str());
  std::exit(64);
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const auto value = [&]() -> std::string_view {
      if (i + 1 >= argc) refuse(std::string(flag) + " needs a value");
      return argv[++i];
    };
    if (flag == "--list-mutants") {
      arguments.list_mutants = true;
    } else if (flag == "--raw-table") {
      arguments.raw_table = true;
    } else if (flag == "--seeds") {
      const auto range = value();
      const auto dots = range.find("..");
      const auto first = number(range.substr(0, dots));
      const auto last = dots == std::string_view::npos ? first : number(range.substr(dots + 2));
      if (!first || !last || *first > *last) refuse("'" + std::string(range) + "' is not a range of seeds such as 1..1000");
      arguments.first = *first;
      arguments.last = *last;
    } else if (flag == "--mutant") {
      const auto name = value();
      const auto mutant = core::mutant_from(name);
      if (!mutant) refuse("there is no mutant '" + std::string(name) + "'; --list-mutants names them");
      arguments.mutant = *mutant;
    } else if (flag == "--trace") {
      const auto text = value();
      arguments.trace = number(text);
      if (!arguments.trace) refuse("'" + std::string(text) + "' is not a seed");
    } else {
      refuse("unknown option '" + std::string(flag) + "'");
    }
  }
  return arguments;
}

// An assertion of the code under test that fails is a violation like any other.
char last_words[64];
std::size_t last_words_size = 0;
void on_abort(int) {
  const auto written = write(STDOUT_FILENO, last_words, last_words_size);
  static_cast<void>(written);
  _exit(1);
}
void remember(std::uint64_t seed) {
  last_words_size = static_cast<std::size_t>(std::snprintf(
      last_words, sizeof last_words, "VIOLATION seed %llu: an assertion failed\n", static_cast<unsigned long long>(seed)));
}

int trace(std::uint64_t seed) {
  const auto outcome = simulation::simulate(seed, {.story = true});
  for (const auto& line : outcome.story) std::puts(line.c_str());
  std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed),
              outcome.violation ? outcome.violation->c_str() : "no violation");
  return outcome.violation ? 1 : 0;
}

struct Sums {
  std::uint64_t worlds = 0, sqlite = 0, steps = 0, commits = 0, runs = 0, tasks = 0, crashes = 0, strays = 0;
  void add(const simulation::Outcome& outcome) {
    ++worlds;
    sqlite += outcome.sqlite ? 1 : 0;
    steps += outcome.steps;
    commits += outcome.commits;
    runs += outcome.runs;
    tasks += outcome.tasks;
    crashes += outcome.crashes;
    strays += outcome.strays;
  }
};

int sweep(const Arguments& arguments) {
  const auto begun = std::chrono::steady_clock::now();
  Sums sums;
  simulation::Table table;
  bool violated = false;
  for (auto seed = arguments.first;; ++seed) {
    remember(seed);
    const auto outcome = simulation::simulate(seed);
    sums.add(outcome);
    table.add(outcome.table);
    if (outcome.violation) {
      std::printf("VIOLATION seed %llu: %s\n", static_cast<unsigned long long>(seed), outcome.violation->c_str());
      violated = true;
      break;
    }
    if (seed == arguments.last) break;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  std::printf("SUMS %llu %llu %llu %llu %llu %llu %llu %llu %.3f\n", static_cast<unsigned long long>(sums.worlds),
              static_cast<unsigned long long>(sums.sqlite), static_cast<unsigned long long>(sums.steps),
              static_cast<unsigned long long>(sums.commits), static_cast<unsigned long long>(sums.runs),
              static_cast<unsigned long long>(sums.tasks), static_cast<unsigned long long>(sums.crashes),
              static_cast<unsigned long long>(sums.strays), seconds);
  if (arguments.raw_table) {
    std::printf("FAULTS");
    for (int i = 1; i < simulation::fault_count; ++i)
      std::printf("\t%s", std::string(simulation::to_text(static_cast<simulation::Fault>(i))).c_str());
    std::puts("");
    for (const auto& [pair, row] : table.rows) {
      std::printf("ROW\t%s\t%s\t%llu", std::string(simulation::to_text(pair.first)).c_str(),
                  std::string(simulation::to_text(pair.second)).c_str(), static_cast<unsigned long long>(row.times));
      for (int i = 1; i < simulation::fault_count; ++i) {
        const auto fault = static_cast<simulation::Fault>(i);
        const bool can = simulation::can_strike(fault, pair.second, row.visiting * 2 > row.times);
        if (can || row.struck[static_cast<std::size_t>(i)] > 0) {
          std::printf("\t%llu", static_cast<unsigned long long>(row.struck[static_cast<std::size_t>(i)]));
        } else {
          std::printf("\t-");
        }
      }
      std::puts("");
    }
  }
  return violated ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse(argc, argv);
  if (arguments.list_mutants) {
    for (int i = 1; i < core::simulated_mutant_count; ++i)
      std::puts(std::string(core::to_text(static_cast<core::Mutant>(i))).c_str());
    return 0;
  }
#ifdef BATON_MUTANTS
  core::mutant_on = arguments.mutant;
#else
  if (arguments.mutant != core::Mutant::none) refuse("this build has no mutants: use preset 'mutants'");
#endif
  for (const int died : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) signal(died, on_abort);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (arguments.trace) {
    remember(*arguments.trace);
    return trace(*arguments.trace);
  }
  return sweep(arguments);
}
