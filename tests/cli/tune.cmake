# What `descent tune` and `descent range-test` write, print, refuse and resume. DESCENT is the program,
# NETWORK_FILE the example that writes a network for them, FOLDER is the test's own.
include("${CMAKE_CURRENT_LIST_DIR}/descent.cmake")
start_with_sine_network()
set(net --model "${FOLDER}/net/start.pt" --data "${FOLDER}/net/data.pt")

function(tune status stream expected)
  descent(${status} ${stream} "${expected}" tune ${ARGN})
endfunction()
function(range_test status stream expected)
  descent(${status} ${stream} "${expected}" range-test ${ARGN})
endfunction()

# The help lists methods and losses.
tune(0 out "--loss .*mse, l1, .*--method .*random, grid, .*tpe or bayes.*--resume" --help)
range_test(0 out "--model .*--lo .*--steps " --help)

# What is refused leaves nothing.
set(refused "${FOLDER}/refused")
file(MAKE_DIRECTORY "${refused}")
set(out --out "${refused}/out")
tune(2 error "a --surface or a --model is required" ${out})
tune(2 error "(--model excludes --surface|--surface excludes --model)" ${net} --surface booth ${out})
tune(2 error "--model without --data" --model "${FOLDER}/net/start.pt" ${out})
tune(2 error "boot, did you mean booth" --surface boot ${out})
tune(2 error "adm, did you mean adam" --surface booth --optimizer adm ${out})
tune(2 error "lr = -1, must be" --surface booth --optimizer adam:lr=-1 ${out})
tune(2 error "none.pt" --model none.pt --data "${FOLDER}/net/data.pt" ${out})
tune(2 error "must be mse, l1" ${net} --loss accuracy ${out})
range_test(2 error "a --surface or a --model is required" ${out})
range_test(2 error "lr = -1, must be" --surface booth --optimizer adam:lr=-1 ${out})
tune(2 error "wight_decay is no option of adamw, did you mean weight_decay.*it has lr, betas" ${net}
     --space "lr=log:1e-5:1,wight_decay=log:1e-6:0.1" ${out})
tune(2 error "--optimizer says lr = 1, which --space changes" --surface booth --optimizer adam:lr=1 ${out})
tune(2 error "'lr=lg:1:2': lg, must be .*did you mean log" --surface booth --space lr=lg:1:2 ${out})
tune(2 error "bays.*did you mean bayes" --surface booth --method bays ${out})
tune(2 error "eta" --surface booth --method halving:eta=1 ${out})
tune(2 error "trials = 5, must be" --surface booth --trials 5 ${out})
tune(2 error "--seed: -3, must be a whole number" --surface booth --seed -3 ${out})
tune(2 error "--threads: -1, must be a whole number >= 0" --surface booth --threads -1 ${out})
tune(2 error "--trials: 0, must be a whole number >= 1" --surface booth --trials 0 ${out})
range_test(2 error "lo = 2, must be < hi = 1" --surface booth --lo 2 ${out})
expect_empty("${refused}")
file(WRITE "${FOLDER}/file" "")
tune(2 error "file is no folder" --surface booth --out "${FOLDER}/file")
file(MAKE_DIRECTORY "${FOLDER}/full")
file(WRITE "${FOLDER}/full/mine" "")
tune(2 error "holds files already" --surface booth --out "${FOLDER}/full")

# Surfaces of each kind can be tuned on, by every method, and the same trials come each time.
foreach(surface IN ITEMS f4 beale mse)
  tune(0 out "adam on ${surface}, 20 steps.*trials  10 of 10.*best    adam:lr=[0-9.e+-]+\n"
       --surface ${surface} --optimizer adam --method random --trials 10 --steps 20 --force
       --out "${FOLDER}/surface")
endforeach()
set(job --surface rosenbrock --optimizer adam:eps=1e-9 --space "lr=log:1e-4:10,amsgrad=choice:true|false")
foreach(method IN ITEMS "grid:points=4" "halving;--trials;9" "tpe;--trials;11")
  tune(0 out "best    adam:eps=1e-09,lr=[^\n]*,amsgrad=(true|false)\nopen" ${job} --method ${method}
       --steps 9 --out "${FOLDER}/method" --force)
endforeach()
tune(0 out "13 of 13" ${job} --trials 13 --threads 1 --out "${FOLDER}/one")
tune(0 out "13 of 13" ${job} --trials 13 --threads 3 --out "${FOLDER}/three")
# Reads trials.csv without the seconds, which are no two times the same.
function(read_trials name)
  file(READ "${FOLDER}/${name}/trials.csv" trials)
  string(REGEX REPLACE "(\n[^,]*,[^,]*,[^,]*,[^,]*),[^,]*" "\\1" trials "${trials}")
  set(${name} "${trials}" PARENT_SCOPE)
endfunction()
read_trials(one)
read_trials(three)
if(NOT one STREQUAL three OR NOT one MATCHES "\n12,done,")
  message(FATAL_ERROR "other trials on other threads:\n${one}\n${three}")
endif()

# A network: what was tried is found again, and no one else's.
set(job ${net} --steps 30 --trials 11 --space "lr=log:1e-4:0.1,weight_decay=log:1e-6:0.1" --threads 1)
tune(0 out "adamw on start.pt with data.pt, mse, 30 steps.*11 of 11.*open" ${job} --out "${FOLDER}/whole")
tune(2 error "holds a study: --resume goes on with it, --force begins anew" ${job} --out "${FOLDER}/whole")
tune(2 error "is of another study: subject" ${job} --loss l1 --resume --out "${FOLDER}/whole")
tune(2 error "is of another study: optimizer" ${job} --optimizer lion --resume --out "${FOLDER}/whole")
tune(0 out "11 of 11" ${job} --resume --out "${FOLDER}/whole")
file(READ "${FOLDER}/whole/trials.csv" whole)
string(REGEX MATCH "\n10,[^,]*,[^,]*,30," last "${whole}")
if(NOT last)
  message(FATAL_ERROR "trials.csv: ${whole}")
endif()
# With one thread what dropout draws is the trials' own, also of trials that wait for each other.
set(dropout --model "${NETWORK_FILES}/guide.pt2" --data "${FOLDER}/net/data.pt" --steps 9 --threads 1)
foreach(method IN ITEMS "random;--trials;10" "halving;--trials;9")
  tune(0 out "mse, 9 steps" ${dropout} --method ${method} --force --out "${FOLDER}/drawn")
  read_trials(drawn)
  set(all "${drawn}")
  file(READ "${FOLDER}/drawn/study.jsonl" journal)
  string(LENGTH "${journal}" length)
  math(EXPR length "${length} * 2 / 3")
  string(SUBSTRING "${journal}" 0 ${length} journal)
  file(WRITE "${FOLDER}/drawn/study.jsonl" "${journal}")
  tune(0 out "mse, 9 steps" ${dropout} --method ${method} --resume --out "${FOLDER}/drawn")
  read_trials(drawn)
  if(NOT drawn STREQUAL all)
    message(FATAL_ERROR "other trials after --resume:\n${all}\n${drawn}")
  endif()
endforeach()

# A grid of small networks is trained at once, and says the same as one after the other.
set(grid ${net} --steps 40 --space "lr=log:1e-4:0.1,weight_decay=log:1e-6:0.1" --method grid:points=3)
tune(0 out "small trainings at once, on the fused path\n.*9 of 9.*\n *[0-9]+ .*best    adamw:lr=" ${grid} --out "${FOLDER}/at_once")
execute_process(COMMAND "${CMAKE_COMMAND}" -E env DESCENT_PASS=tensor "${DESCENT}" tune ${grid} --out "${FOLDER}/in_turn"
  OUTPUT_VARIABLE in_turn RESULT_VARIABLE result)
read_trials(at_once)
foreach(trial RANGE 8)
  if(NOT at_once MATCHES "\n${trial},done,[0-9.e-]+,40,")
    message(FATAL_ERROR "trained at once:\n${at_once}")
  endif()
endforeach()
string(REGEX MATCH "best    [^\n]*" best "${in_turn}")
if(NOT best OR in_turn MATCHES "at once")
  message(FATAL_ERROR "one after the other: ${result}\n${in_turn}")
endif()
tune(0 out "${best}\n" ${grid} --force --out "${FOLDER}/at_once")

# Networks of torch.export, in the mode in which they train. What an export in eval mode lacks is said.
set(on_sine --data "${FOLDER}/net/data.pt" --steps 5 --trials 2 --method random:rounds=1 --force --out "${FOLDER}/pt2")
tune(0 out "on guide_plain.pt2 with data.pt, mse, 5 steps\nspace .*trials  2 of 2" --model "${NETWORK_FILES}/guide_plain.pt2" ${on_sine})
tune(0 out "5 steps\n        exported in eval mode; train\\(\\) switches on aten::dropout; what was left out"
     --model "${NETWORK_FILES}/guide_eval.pt2" ${on_sine})
range_test(0 out "on guide.pt2 with data.pt, mse\nrates " --model "${NETWORK_FILES}/guide.pt2"
           --data "${FOLDER}/net/data.pt" --steps 20 --force --out "${FOLDER}/range_pt2")
# A network that was trained is saved, and is a network again.
set(ten --steps 10 --trials 1 --method random:rounds=1 --space lr=log:0.01:0.011 --out "${FOLDER}/saved" --force)
tune(0 out "mse, 10 steps.*saved   [^\n]*trained.pt2, trained for 10 steps" --model "${NETWORK_FILES}/guide_plain.pt2"
     --data "${FOLDER}/net/data.pt" ${ten} --save "${FOLDER}/trained.pt2")
file(SHA256 "${FOLDER}/trained.pt2" once)
tune(0 out "saved" --model "${FOLDER}/trained.pt2" --data "${FOLDER}/net/data.pt" ${ten} --save "${FOLDER}/trained.pt2")
file(SHA256 "${FOLDER}/trained.pt2" twice)
if(once STREQUAL twice)
  message(FATAL_ERROR "ten steps more have changed nothing in ${FOLDER}/trained.pt2")
endif()
tune(2 error "trained.pt2 is there already; --force" --model "${FOLDER}/trained.pt2" --data "${FOLDER}/net/data.pt"
     --save "${FOLDER}/trained.pt2" --out "${refused}/out")
tune(2 error "excludes" --surface booth --save "${refused}/net.pt2" --out "${refused}/out")
# Arrays of bytes are refused with what converts them, and of doubles trains a network that has no eval mode.
execute_process(COMMAND "${PYTHON3}" -c [=[
import struct, sys
def write(name, kind, numbers, columns):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': (4, %d)}" % (kind, columns)
    header += " " * (117 - len(header)) + chr(10)
    with open(sys.argv[1] + "/" + name, "wb") as file:
        file.write(bytes([0x93]) + b"NUMPY" + bytes([1, 0]) + struct.pack("<H", 118) + header.encode() + numbers)
write("bytes.npy", "|u1", b"abcd", 1)
write("x.npy", "<f8", struct.pack("<8d", *range(8)), 2)
]=] "${FOLDER}" RESULT_VARIABLE result ERROR_VARIABLE error)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "arrays: ${error}")
endif()
foreach(model IN ITEMS "${NETWORK_FILES}/guide_plain.pt2" "${FOLDER}/net/start.pt")
  tune(2 error "data.input is Byte, .*--scale 1/255" --model "${model}" --loss mse
       --data "${FOLDER}/bytes.npy,${FOLDER}/bytes.npy" --out "${refused}/out")
endforeach()
tune(0 out "trials  2 of 2" --model "${NETWORK_FILES}/paths.pt2" --data "${FOLDER}/x.npy,${FOLDER}/x.npy" --loss mse
     --steps 5 --trials 2 --method random:rounds=1 --out "${FOLDER}/paths")

find_program(bash bash)
if(bash)
  # Programs that make one study together: the second is killed, and the last comes late.
  set(long ${net} --steps 300 --trials 24 --method tpe --batch 2 --threads 1)
  string(REPLACE ";" "' '" words "${long}")
  tune(0 out "24 of 24" ${long} --out "${FOLDER}/alone")
  execute_process(COMMAND "${bash}" -c "
      start() { '${DESCENT}' tune '${words}' --share '${FOLDER}/job' --out '${FOLDER}/shared_'$1 & }
      start 1; first=$!; start 2; second=$!
      until test $(grep -a -o '\"state\"' '${FOLDER}/job/store' 2>/dev/null | wc -l) -gt 3; do
        kill -0 $first || exit 99; sleep 0.01; done
      kill -KILL $second; start 3; wait $! && wait $first"
    RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE error)
  if(NOT result EQUAL 0 OR NOT out MATCHES "what all programs have tried stays in [^\n]*/job; remove it" OR EXISTS "${FOLDER}/shared_2")
    message(FATAL_ERROR "--share: ${result}\n${out}${error}")
  endif()
  expect_files("${FOLDER}/shared_1" study.html study.json study.png study.svg trials.csv)
  expect_same("${FOLDER}/shared_1" "${FOLDER}/shared_3" study.json trials.csv)
  read_trials(alone)
  read_trials(shared_1)
  if(NOT alone STREQUAL shared_1)
    message(FATAL_ERROR "other trials when shared:\n${alone}\n${shared_1}")
  endif()
  tune(2 error "the table is of another study: seed" ${long} --seed 1 --share "${FOLDER}/job" --out "${FOLDER}/shared_4")
  tune(2 error "--resume excludes --share" ${long} --share "${FOLDER}/job" --resume --out "${FOLDER}/shared_4")
  if(EXISTS "${FOLDER}/shared_4")
    message(FATAL_ERROR "what was refused has left ${FOLDER}/shared_4")
  endif()

  # interrupt(signal): sends it when some trials have ended.
  set(long ${net} --steps 3000 --trials 400 --method random:rounds=1 --threads 1)
  string(REPLACE ";" "' '" words "${long}")
  function(interrupt signal expected)
    execute_process(COMMAND "${bash}" -c "
        '${DESCENT}' tune '${words}' --out '${FOLDER}/part' --resume & pid=$!
        ended() { cat '${FOLDER}/part/study.jsonl' 2>/dev/null | grep -c state; }
        before=$(ended)
        until test $(ended) -gt $((before + 1)); do kill -0 $pid || exit 99; sleep 0.02; done
        kill -${signal} $pid; wait $pid"
      RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE error)
    if(NOT result EQUAL expected)
      message(FATAL_ERROR "after ${signal}: ${result}\n${out}${error}")
    endif()
    set(out "${out}" PARENT_SCOPE)
    set(error "${error}" PARENT_SCOPE)
  endfunction()
  interrupt(KILL 137)
  interrupt(INT 130)
  if(NOT error MATCHES "^descent: interrupted; what was tried is kept in [^\n]*study.jsonl, and --resume goes on from there\n$" OR
     NOT out MATCHES "best    adamw:lr=" OR NOT EXISTS "${FOLDER}/part/trials.csv")
    message(FATAL_ERROR "after an interrupt: ${out}${error}")
  endif()
  file(READ "${FOLDER}/part/trials.csv" part)
  string(REGEX MATCH "\n0,done,[^\n]*" first "${part}")
  interrupt(INT 130)
  file(READ "${FOLDER}/part/trials.csv" more)
  string(FIND "${more}" "${first}\n" found)
  if(found EQUAL -1 OR NOT first)
    message(FATAL_ERROR "trial 0 was made again: ${first} is not in ${more}")
  endif()
endif()

# Nothing finite: the status says so, and the numbers are there.
tune(1 error "none of 10 trials has ended with a finite loss" --surface rosenbrock --optimizer sgd
     --space lr=log:1e3:1e5 --method random --trials 10 --out "${FOLDER}/infinite")
expect_files("${FOLDER}/infinite" study.jsonl trials.csv)

# The range test leaves three suggestions and the curve.
range_test(0 out "valley  lr = [0-9.e-]+.*steep   lr = .*minimum lr = .*open .*range_test.html" ${net}
           --lo 1e-5 --out "${FOLDER}/range")
range_test(0 out "valley  lr = " --surface booth --optimizer dog --out "${FOLDER}/range_of_shampoo")
range_test(1 error "only 4 steps were made, too few for a suggestion" ${net} --steps 4 --out "${FOLDER}/few")
range_test(2 error "holds files already" ${net} --out "${FOLDER}/range")
file(READ "${FOLDER}/range/range_test.csv" curve)
if(NOT curve MATCHES "^step,lr,loss,smoothed\n0,1e-05,[0-9.]+,[0-9.]+\n")
  message(FATAL_ERROR "range_test.csv: ${curve}")
endif()
