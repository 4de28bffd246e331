! caller.f90 - a program in Fortran that embeds the library: learns the points of a ring, saves and loads the
! model, draws from two threads that share it, cancels a training from a callback, and reads the text of an
! error.
!
!   gfortran -fopenmp flowmatch.f90 caller.f90 -o caller $(pkg-config --libs libflowmatch)
!   ./caller ring.safetensors
module watch
  use flowmatch
  implicit none
contains
  ! Called after every step, from the thread that trains. Returns 0 to go on.
  function stop_after(user, progress) bind(c) result(answer)
    type(c_ptr), value :: user
    type(fm_progress), intent(in) :: progress
    integer(c_int32_t) :: answer
    integer(c_int64_t), pointer :: last_step
    call c_f_pointer(user, last_step)
    answer = merge(1, 0, progress%step >= last_step)
  end function
end module

program caller
  use flowmatch
  use watch
  use, intrinsic :: ieee_arithmetic
  implicit none
  integer(c_size_t), parameter :: n = 512, dim = 2
  real(c_float), target :: rows(dim, n), by_one(dim, n), by_two(dim, n)
  type(c_ptr) :: ctx, data, trained, model, so_far, bad
  integer(c_int32_t) :: status
  character(256) :: file
  integer :: i

  call get_command_argument(1, file)
  if (file == '') file = 'ring.safetensors'

  ! A ring of radius 1 around (10, 0).
  rows(1, :) = [(10 + cos(real(i)), i = 0, int(n) - 1)]
  rows(2, :) = [(sin(real(i)), i = 0, int(n) - 1)]

  if (fm_ctx_create(c_null_ptr, ctx) /= FM_OK) error stop 'no context'
  call must(make_data(data))
  call must(train(0_c_int64_t, trained))
  call must(fm_model_save(ctx, trained, trim(file) // c_null_char))
  call must(fm_model_load(ctx, trim(file) // c_null_char, model))

  call must(fm_sample(ctx, model, 42_c_int64_t, 0_c_int64_t, c_null_ptr, c_null_ptr, n, by_one))
  call expect(is_ring(by_one), 'a ring')
  call draw_by_two(by_two)
  call expect(all(bits(by_one) == bits(by_two)), 'the same bits from two threads')

  status = train(20_c_int64_t, so_far)
  print '(2a)', 'cancelled: ', fm_text(status, ctx)
  call expect(status == FM_E_CALLBACK, 'FM_E_CALLBACK')
  call expect(fm_model_train_steps(so_far) == 20, 'an end after 20 steps')

  rows(2, 2) = ieee_value(rows(2, 2), ieee_quiet_nan)
  status = make_data(bad)
  print '(2a)', 'refused: ', fm_text(status, ctx)
  call expect(status == FM_E_NONFINITE .and. .not. c_associated(bad), 'FM_E_NONFINITE')
  call expect(index(fm_text(status, ctx), 'row 1, column 1') > 0, 'a text that names the cell, from 0')

  call fm_ctx_destroy(ctx) ! in any order
  call fm_data_destroy(data)
  call fm_model_destroy(so_far)
  call fm_model_destroy(model)
  call fm_model_destroy(trained)

contains

  subroutine expect(holds, what)
    logical, intent(in) :: holds
    character(*), intent(in) :: what
    if (.not. holds) print '(2a)', 'expected: ', what
    if (.not. holds) error stop 1
  end subroutine

  ! The text is read before the next call on the context.
  subroutine must(status)
    integer(c_int32_t), intent(in) :: status
    if (status /= FM_OK) print '(a)', fm_text(status, ctx)
    if (status /= FM_OK) error stop 1
  end subroutine

  function make_data(data) result(status)
    type(c_ptr), intent(out) :: data
    integer(c_int32_t) :: status
    status = fm_data_create(ctx, rows, c_null_ptr, c_null_ptr, c_null_ptr, c_null_ptr, n, dim, 0_c_size_t, &
                            0_c_size_t, c_null_ptr, data)
  end function

  ! last_step 0: to the end. On FM_E_CALLBACK the model is what was learned so far.
  function train(last_step, model) result(status)
    integer(c_int64_t), intent(in), target :: last_step
    type(c_ptr), intent(out) :: model
    integer(c_int32_t) :: status
    type(c_ptr) :: optimizer
    type(fm_net_options) :: net
    type(fm_optimizer_options) :: steps
    type(fm_trainer_options) :: training
    call expect(c_sizeof(net) == net%struct_size .and. c_sizeof(steps) == steps%struct_size .and. &
                c_sizeof(training) == training%struct_size, 'structs of the size that they say')
    net%width = 32
    net%depth = 2
    steps%n_steps = 400
    training%seed = 1
    if (last_step > 0) training%progress = c_funloc(stop_after)
    if (last_step > 0) training%progress_user = c_loc(last_step)
    call must(fm_optimizer_create(ctx, steps, optimizer))
    status = fm_fit(ctx, data, c_null_ptr, c_null_ptr, optimizer, net, training, model)
    call fm_optimizer_destroy(optimizer)
  end function

  ! The model is immutable and shared; a context belongs to one thread at a time, so each thread makes its
  ! own.
  subroutine draw_by_two(out)
    real(c_float), intent(out) :: out(dim, n)
    type(c_ptr) :: mine
    integer(c_int32_t) :: answers(2)
    integer(c_size_t) :: half
    answers = FM_OK
    !$omp parallel do num_threads(2) private(mine)
    do half = 1, 2
      answers(half) = fm_ctx_create(c_null_ptr, mine)
      if (answers(half) == FM_OK) &
        answers(half) = fm_sample(mine, model, 42_c_int64_t, (half - 1) * n / 2, c_null_ptr, c_null_ptr, &
                                  n / 2, out(:, (half - 1) * n / 2 + 1))
      call fm_ctx_destroy(mine)
    end do
    !$omp end parallel do
    call expect(all(answers == FM_OK), 'two threads draw')
  end subroutine

  elemental function bits(x)
    real(c_float), intent(in) :: x
    integer(c_int32_t) :: bits
    bits = transfer(x, bits)
  end function

  function is_ring(x) result(holds)
    real(c_float), intent(in) :: x(dim, n)
    real :: centre, radius
    logical :: holds
    centre = sum(x(1, :)) / n
    radius = sum(hypot(x(1, :) - 10, x(2, :))) / n
    print '(a, f6.2, a, f5.2)', 'centre ', centre, ', radius ', radius
    holds = abs(centre - 10) < 0.2 .and. abs(radius - 1) < 0.2
  end function

end program
