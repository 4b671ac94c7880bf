# What `descent race` writes, prints and refuses. DESCENT is the program, FOLDER is its own.
include("${CMAKE_CURRENT_LIST_DIR}/descent.cmake")
file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")

function(race status stream expected)
  descent(${status} ${stream} "${expected}" race ${ARGN})
endfunction()

set(refused "${FOLDER}/refused")
file(MAKE_DIRECTORY "${refused}")
set(out --out "${refused}/out")
race(2 error "no surface is called rosenbrok, did you mean rosenbrock" --surface rosenbrok ${out})
race(2 error "no optimizer is called lyon, did you mean lion" --optimizers lyon:lr=1 ${out})
race(2 error "Lion: .*lrr.*did you mean lr" --optimizers lion:lrr=1 ${out})
race(2 error "Lion: lr = -1, must be finite and >= 0" --optimizers lion:lr=-1 ${out})
race(2 error "start = \\(11, 0\\), must be in \\[-10, 10\\] x \\[-10, 10\\]" --start 11,0 ${out})
race(2 error "--start = 9, must be two numbers" --start 9 ${out})
race(2 error "steps = 0, must be in \\[1, 10000000\\]" --steps 0 ${out})
race(2 error "steps = 9223372036854775807, must be in" --steps 9223372036854775807 ${out})
race(2 error "--steps = abc, must be a number" --steps abc ${out})
race(2 error "--seed: -1, must be a whole number" --seed -1 ${out})
race(2 error "--noise = 3 with --surface rosenbrock, which has no noise" --surface rosenbrock --noise 3 ${out})
race(2 error "--seed = 3 with --surface beale, which has no noise" --surface beale --seed 3 ${out})
race(2 error "lr is given twice, as 1 and as 2" --optimizers "sgd:lr=1,lr=2" ${out})
race(2 error "Line search has no weight decay" --optimizers line_search --weight-decay 0.1 ${out})
foreach(option IN ITEMS start optimizers out)
  execute_process(COMMAND "${DESCENT}" race "--${option}" "" WORKING_DIRECTORY "${refused}"
                  RESULT_VARIABLE result ERROR_VARIABLE error)
  if(NOT result EQUAL 2 OR NOT error MATCHES "^descent: [^\n]*(--start = ,|empty)[^\n]*\n$")
    message(FATAL_ERROR "--${option} '': ${result}\n${error}")
  endif()
endforeach()
race(2 error "Noise: scale = -1" --noise=-1 ${out})
race(2 error "Rprop has no weight decay" --optimizers rprop --weight-decay 0.1 ${out})
race(2 error "excludes" --gallery --surface f1 ${out})
race(2 error "cannot be written" --out /proc/none/out)
expect_empty("${refused}")

# A file in the way, and a disk that is full after 32 KiB.
file(WRITE "${FOLDER}/file" "")
race(2 error "file is no folder" --out "${FOLDER}/file")
find_program(bash bash)
if(bash)
  execute_process(COMMAND "${bash}" -c "ulimit -f 32; '${DESCENT}' race --out '${refused}/out'"
                  RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE error)
  if(NOT result EQUAL 2 OR NOT error MATCHES "^descent: [^\n]*\n$")
    message(FATAL_ERROR "on a full disk: ${result}\n${out}${error}")
  endif()
  expect_empty("${refused}")
  # Ctrl-C
  execute_process(
    COMMAND "${bash}" -c "timeout --preserve-status -s INT 1 '${DESCENT}' race --gallery --out '${refused}/out'"
    RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE error)
  if(NOT result EQUAL 130 OR NOT error STREQUAL "descent: interrupted, nothing was written\n")
    message(FATAL_ERROR "after an interrupt: ${result}\n${out}${error}")
  endif()
  expect_empty("${refused}")
  execute_process(
    COMMAND "${bash}" -c "timeout --preserve-status -s INT 1 '${DESCENT}' race --steps 10000000 --out '${refused}/a/b/c'"
    RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE error)
  if(NOT result EQUAL 130 OR NOT error STREQUAL "descent: interrupted, nothing was written\n")
    message(FATAL_ERROR "after an interrupt of the race itself: ${result}\n${out}${error}")
  endif()
  expect_empty("${refused}")
endif()

# A race is written whole, the same bytes each time, and kept unless asked.
set(arguments --surface f1 --optimizers "sgd:lr=10,sgd:lr=50,momentum=0.9,lion:lr=1" --steps 30)
race(0 out "optimizer +last loss +least loss.*lr=50.*diverged at step.*open .*race.html"
     ${arguments} --out "${FOLDER}/first")
race(0 out "open" ${arguments} --out "${FOLDER}/second")
set(files losses.png losses_log.png race.gif race.html race.png race.svg tracks.csv tracks.json)
expect_same("${FOLDER}/first" "${FOLDER}/second" ${files})
expect_files("${FOLDER}/first" ${files})
file(WRITE "${FOLDER}/first/mine.txt" "mine")
race(2 error "holds files already, which --force would replace" --out "${FOLDER}/first")
race(0 out "open" --steps 5 --out "${FOLDER}/first" --force)
file(READ "${FOLDER}/first/mine.txt" mine)
file(READ "${FOLDER}/first/tracks.csv" tracks)
if(NOT mine STREQUAL "mine" OR NOT tracks MATCHES "FTRL,5,")
  message(FATAL_ERROR "--force did not replace its own files and keep the others")
endif()
# A file that cannot be replaced: all others stay as they were.
file(REMOVE "${FOLDER}/first/race.svg")
file(MAKE_DIRECTORY "${FOLDER}/first/race.svg")
race(2 error "race.svg cannot be written: it is a folder" --steps 7 --out "${FOLDER}/first" --force)
file(READ "${FOLDER}/first/tracks.csv" kept)
file(GLOB hidden "${FOLDER}/first/.first*")
if(NOT kept STREQUAL tracks OR hidden)
  message(FATAL_ERROR "--force that failed left ${hidden} or another tracks.csv")
endif()
# Into the folder where one is.
file(MAKE_DIRECTORY "${FOLDER}/here")
execute_process(COMMAND "${DESCENT}" race --steps 3 --out . WORKING_DIRECTORY "${FOLDER}/here"
                RESULT_VARIABLE result OUTPUT_QUIET)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "--out . ends with ${result}")
endif()
expect_files("${FOLDER}/here" ${files})

race(0 out "SGD .*SGD \\(2\\) .*Rates: SGD [0-9.e+-]+, SGD \\(2\\) [0-9.e+-]+;" --surface booth
     --optimizers sgd:lr=1,sgd:lr=2 --tune --out "${FOLDER}/tuned")
