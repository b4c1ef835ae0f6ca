#include <chrono>
#include <cstdio>
#include "simulation.hpp"
int main(int argc, char** argv) {
  using namespace baton::simulation;
  const auto a = argc > 1 ? std::stoull(argv[1]) : 1, b = argc > 2 ? std::stoull(argv[2]) : a;
  const auto begun = std::chrono::steady_clock::now();
  std::uint64_t steps = 0, commits = 0, tasks = 0, bad = 0;
  for (auto seed = a; seed <= b; ++seed) {
    const auto o = simulate(seed, {.story = argc == 4});
    for (const auto& line : o.story) std::puts(line.c_str());
    steps += o.steps;
    commits += o.commits;
    tasks += o.tasks;
    if (argc > 4) std::printf("%llu steps %llu commits %llu tasks %llu time %.1f\n", (unsigned long long)seed, (unsigned long long)o.steps, (unsigned long long)o.commits, (unsigned long long)o.tasks, (double)o.time.count()/1e6);
    if (o.violation) {
      std::printf("seed %llu: %s\n", (unsigned long long)seed, o.violation->c_str());
      ++bad;
      if (bad > 20) break;
    }
  }
  const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  std::printf("%llu worlds %.0f/s, %llu steps, %llu commits, %llu tasks\n", (unsigned long long)(b - a + 1),
              (double)(b - a + 1) / s, (unsigned long long)steps, (unsigned long long)commits, (unsigned long long)tasks);
}
