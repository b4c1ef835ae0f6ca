// The limit of a runner: spawns `sh -c ": > FILE"` for each file named on stdin, N at a time, and reaps. No graph, no log, no record.
//   bare_loop N < files
#include <spawn.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

extern char** environ;

int main(int argc, char** argv) {
  const int at_a_time = argc > 1 ? std::atoi(argv[1]) : 2;
  int running = 0;
  int failed = 0;
  const auto reap = [&] {
    int status = 0;
    if (waitpid(-1, &status, 0) > 0) {
      --running;
      failed += status != 0 ? 1 : 0;
    }
  };
  for (std::string file; std::getline(std::cin, file);) {
    if (running == at_a_time) reap();
    std::string command = ": > " + file;
    std::string shell = "/bin/sh", option = "-c";
    char* words[] = {shell.data(), option.data(), command.data(), nullptr};
    pid_t pid = 0;
    if (posix_spawn(&pid, "/bin/sh", nullptr, nullptr, words, environ) != 0) return 2;
    ++running;
  }
  while (running > 0) reap();
  return failed == 0 ? 0 : 1;
}
