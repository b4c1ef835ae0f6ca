// The limit of a runner that keeps logs and publishes: for each line of stdin a work directory, a log, `sh -c ": > …/o"` in it, and its folder
// moved to where results are, N at a time. The same files as Baton makes for such a task; no graph, no record, no crash safety.
//   bare_loop N < names
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

extern char** environ;

namespace {

pid_t spawn(const std::string& work) {
  std::string command = ": > " + work + "/o", shell = "/bin/sh", option = "-c";
  char* words[] = {shell.data(), option.data(), command.data(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, (work + ".log").c_str(), O_CREAT | O_WRONLY, 0666);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  pid_t pid = -1;
  posix_spawn(&pid, "/bin/sh", &files, nullptr, words, environ);
  posix_spawn_file_actions_destroy(&files);
  return pid;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t at_a_time = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 2;
  std::map<pid_t, std::string> running;
  int failed = 0;
  mkdir("work", 0777);
  mkdir("results", 0777);
  const auto reap = [&] {
    int status = 0;
    const auto ended = running.extract(waitpid(-1, &status, 0));
    if (status != 0 || std::rename(("work/" + ended.mapped()).c_str(), ("results/" + ended.mapped()).c_str()) != 0) ++failed;
  };
  for (std::string name; std::getline(std::cin, name);) {
    if (running.size() == at_a_time) reap();
    const auto work = "work/" + name;
    if (mkdir(work.c_str(), 0777) != 0) return 2;
    const auto pid = spawn(work);
    if (pid < 0) return 2;
    running.emplace(pid, name);
  }
  while (!running.empty()) reap();
  return failed == 0 ? 0 : 1;
}
